# The pipeline of ../../../pipeline.cc in Broadway's words.
# SPDX-License-Identifier: Apache-2.0
#
#     a producer ──► 4 processors ──► a batcher of 500 ──► a counting sink
#
# As there, the clock starts with the first demand and stops when the last message has been
# acknowledged; what the sink has seen is summed, and each message must be acknowledged once.

defmodule Peer.Flood do
  @moduledoc false
  # Answers demand from a counter, and counts what is acknowledged.
  use GenStage
  @behaviour Broadway.Acknowledger

  @impl true
  def init({count, bytes, owner}), do: {:producer, {0, count, 8 * (bytes - 8), owner}}

  @impl true
  def handle_demand(demand, {next, count, padding, owner}) do
    if next == 0, do: send(owner, {:began, :erlang.monotonic_time(:nanosecond)})
    upto = min(next + demand, count)
    {:noreply, messages(next, upto, padding, owner), {upto, count, padding, owner}}
  end

  @impl true
  def ack(owner, successful, _failed) do
    send(owner, {:acknowledged, length(successful)})
    :ok
  end

  defp messages(next, upto, _padding, _owner) when next == upto, do: []

  defp messages(next, upto, padding, owner) do
    data = <<next::little-64, 0::size(padding)>>
    message = %Broadway.Message{data: data, acknowledger: {__MODULE__, owner, next}}
    [message | messages(next + 1, upto, padding, owner)]
  end
end

defmodule Peer.Pipeline do
  @moduledoc false
  use Broadway
  alias Broadway.Message

  @processors 4
  @batch 500
  @nobody 0xFFFF_FFFF_FFFF_FFFF

  def run(setting, events) do
    # No batch waits for its time.
    count = div(events + @batch - 1, @batch) * @batch
    processors = [concurrency: @processors, max_demand: setting.max_demand]

    {:ok, pipeline} =
      Broadway.start_link(__MODULE__,
        name: __MODULE__,
        context: self(),
        spawn_opt: setting.spawn_opt,
        producer: [module: {Peer.Flood, {count, setting.bytes, self()}}, concurrency: 1],
        processors: [default: processors],
        batchers: [default: [concurrency: 1, batch_size: @batch, batch_timeout: 1000]]
      )

    sum = acknowledged(count, 0)
    ended = :erlang.monotonic_time(:nanosecond)
    began = receive(do: ({:began, began} -> began))
    Broadway.stop(pipeline)

    if sum == div(count * (count - 1), 2) and nothing_more(),
      do: {:ok, [ended - began]},
      else: :wrong
  end

  @impl true
  def handle_message(_processor, message, _owner) do
    case message.data do
      <<@nobody::little-64, _::binary>> -> Message.failed(message, "nobody's")
      _ -> message
    end
  end

  @impl true
  def handle_batch(_batcher, messages, _info, owner) do
    send(owner, {:sum, sum(messages, 0)})
    messages
  end

  defp sum([%Message{data: <<number::little-64, _::binary>>} | messages], sum) do
    sum(messages, sum + number)
  end

  defp sum([], sum), do: sum

  # A batch's sum is told before the batch is acknowledged.
  defp acknowledged(0, sum), do: sum

  defp acknowledged(left, sum) do
    receive do
      {:acknowledged, count} -> acknowledged(left - count, sum)
      {:sum, more} -> acknowledged(left, sum + more)
    end
  end

  defp nothing_more do
    receive do
      {:acknowledged, _} -> false
      {:sum, _} -> false
    after
      0 -> true
    end
  end
end

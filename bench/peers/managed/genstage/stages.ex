# The stages of the workloads: sources, stages between, and consumers that sum.
# SPDX-License-Identifier: Apache-2.0
#
# The end of a stream is told the way GenStage tells it: a source that has given its
# last event stops once its buffer has been dispatched, and those behind it notice.  So
# no stage counts events, which would be a second walk over every list.

defmodule Peer.Source do
  @moduledoc false
  use GenStage

  @impl true
  def init({first, last, dispatcher}) do
    {:producer, {first, last}, dispatcher: dispatcher, demand: :accumulate}
  end

  @impl true
  def handle_demand(demand, {next, last}) do
    upto = min(next + demand - 1, last)
    if upto == last, do: GenStage.async_info(self(), :over)
    {:noreply, range(next, upto), {upto + 1, last}}
  end

  @impl true
  def handle_info(:over, state), do: {:stop, :normal, state}

  defp range(first, last) when first > last, do: []
  defp range(first, last), do: :lists.seq(first, last)
end

defmodule Peer.Inlet do
  @moduledoc false
  # A source of what others cast; what is not asked for yet lies in GenStage's buffer.
  use GenStage

  @impl true
  def init(dispatcher) do
    {:producer, nil, dispatcher: dispatcher, demand: :accumulate, buffer_size: :infinity}
  end

  @impl true
  def handle_demand(_demand, state), do: {:noreply, [], state}

  @impl true
  def handle_cast({:push, event}, state), do: {:noreply, [event], state}

  @impl true
  def handle_info({:passed, pusher}, state) do
    send(pusher, :passed)
    {:noreply, [], state}
  end

  def handle_info(:over, state), do: {:stop, :normal, state}
end

defmodule Peer.Twice do
  @moduledoc false
  use GenStage

  @impl true
  def init(dispatcher), do: {:producer_consumer, nil, dispatcher: dispatcher}

  @impl true
  def handle_events(events, _from, state), do: {:noreply, twice(events), state}

  # Its only producer has ended.
  @impl true
  def handle_cancel(_reason, _from, state) do
    GenStage.async_info(self(), :over)
    {:noreply, [], state}
  end

  @impl true
  def handle_info(:over, state), do: {:stop, :normal, state}

  defp twice([event | events]), do: [2 * event | twice(events)]
  defp twice([]), do: []
end

defmodule Peer.Sum do
  @moduledoc false
  # Sends its sum to the owner when the last of its producers has ended.
  use GenStage

  @impl true
  def init({producers, owner}), do: {:consumer, {0, producers, owner}}

  @impl true
  def handle_events(events, _from, {sum, producers, owner}) do
    {:noreply, [], {sum(events, sum), producers, owner}}
  end

  @impl true
  def handle_cancel(_reason, _from, {sum, 1, owner} = state) do
    send(owner, {:sum, sum})
    {:stop, :normal, state}
  end

  def handle_cancel(_reason, _from, {sum, producers, owner}) do
    {:noreply, [], {sum, producers - 1, owner}}
  end

  defp sum([event | events], sum), do: sum(events, sum + event)
  defp sum([], sum), do: sum
end

defmodule Peer.Echo do
  @moduledoc false
  # A consumer that sends each event back to where it came from.
  use GenStage

  @impl true
  def init(owner), do: {:consumer, owner}

  @impl true
  def handle_events(events, _from, owner) do
    for event <- events, do: send(owner, {:back, event})
    {:noreply, [], owner}
  end

  @impl true
  def handle_cancel(_reason, _from, owner), do: {:stop, :normal, owner}
end

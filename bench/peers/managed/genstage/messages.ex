# Messages of any length, as binaries: the streams of ../../../messages.h, made again.
# SPDX-License-Identifier: Apache-2.0
#
# That they are the same is checked by the sum of a whole cycle.

defmodule Peer.Messages do
  @moduledoc false
  import Bitwise

  @cycle 512
  @least 20
  @most 2000
  @word (1 <<< 64) - 1

  def make("bytes:120"), do: make(200, 0xB26D168306C46673)
  def make("bytes:1010"), do: make(@most - @least + 1, 0xE406F5515518BC4E)

  defp make(lengths, cycle_sum) do
    source = for i <- 0..(4096 + @most - 1), into: <<>>, do: <<i * 2_654_435_761 >>> 13>>

    cycle =
      for i <- 0..(@cycle - 1) do
        bytes = @least + rem((i * 2_654_435_761) >>> 7, lengths)
        binary_part(source, rem(i * 40, 4096), bytes)
      end

    ^cycle_sum = sum(cycle)
    List.to_tuple(cycle)
  end

  # Written whole: a part of the source is no message of its own.
  def list(_cycle, next, last) when next == last, do: []

  def list(cycle, next, last) do
    [:binary.copy(elem(cycle, next &&& @cycle - 1)) | list(cycle, next + 1, last)]
  end

  # The sum of a stream of n.
  def expected(cycle, n) do
    all = Tuple.to_list(cycle)
    div(n, @cycle) * sum(all) + sum(Enum.take(all, rem(n, @cycle))) &&& @word
  end

  # The words of all messages, added up, the last of each 8 bytes before its end.  Low and high
  # halves are added apart: a sum of whole words would soon be no small integer.
  def sum(messages), do: sum(messages, 0, 0)

  defp sum([message | messages], low, high) do
    skipped = byte_size(message) - 8
    <<_::binary-size(skipped), last_low::little-32, last_high::little-32>> = message
    sum(message, messages, low + last_low, high + last_high)
  end

  defp sum([], low, high), do: low + (high <<< 32) &&& @word

  defp sum(
         <<a::little-32, b::little-32, c::little-32, d::little-32, e::little-32, f::little-32,
           g::little-32, h::little-32, rest::binary>>,
         messages,
         low,
         high
       ) do
    sum(rest, messages, low + a + c + e + g, high + b + d + f + h)
  end

  defp sum(<<a::little-32, b::little-32, rest::binary>>, messages, low, high) do
    sum(rest, messages, low + a, high + b)
  end

  defp sum(_less_than_a_word, messages, low, high), do: sum(messages, low, high)
end

defmodule Peer.Writer do
  @moduledoc false
  use GenStage

  @impl true
  def init({count, cycle}), do: {:producer, {0, count, cycle}, demand: :accumulate}

  @impl true
  def handle_demand(demand, {next, count, cycle}) do
    upto = min(next + demand, count)
    if upto == count, do: GenStage.async_info(self(), :over)
    {:noreply, Peer.Messages.list(cycle, next, upto), {upto, count, cycle}}
  end

  @impl true
  def handle_info(:over, state), do: {:stop, :normal, state}
end

defmodule Peer.Reader do
  @moduledoc false
  # Sends its sum to the owner when its producer has ended.
  use GenStage
  import Bitwise

  @impl true
  def init(owner), do: {:consumer, {0, owner}}

  @impl true
  def handle_events(messages, _from, {sum, owner}) do
    {:noreply, [], {sum + Peer.Messages.sum(messages) &&& (1 <<< 64) - 1, owner}}
  end

  @impl true
  def handle_cancel(_reason, _from, {sum, owner} = state) do
    send(owner, {:sum, sum})
    {:stop, :normal, state}
  end
end

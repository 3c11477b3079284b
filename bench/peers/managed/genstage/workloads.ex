# The workloads with GenStage: which stages, and who subscribes to whom.
# SPDX-License-Identifier: Apache-2.0
#
# Sources accumulate demand until all have subscribed, and the clock is read before they
# are let go.  Every subscription is temporary: whoever ends says so itself.

defmodule Peer.Workloads do
  @moduledoc false
  alias Peer.{Echo, Inlet, Messages, Reader, Source, Sum, Twice, Writer}

  @fan 4
  # A push goes on when all but the last so many events have been dispatched: without a
  # bound a long run would measure the growth of a mailbox.
  @window 1000

  def run("pipe2", setting, n) do
    source = start(Source, {1, n, GenStage.DemandDispatcher}, setting)
    consumer(setting, [{source, []}])
    pass([source], 1, triangle(n))
  end

  def run("pipe3", setting, n) do
    source = start(Source, {1, n, GenStage.DemandDispatcher}, setting)
    twice = start(Twice, GenStage.DemandDispatcher, setting)
    consumer(setting, [{twice, []}])
    subscribe(twice, source, setting, [])
    pass([source], 1, 2 * triangle(n))
  end

  def run("share", setting, n) do
    source = start(Source, {1, n, GenStage.DemandDispatcher}, setting)
    for _ <- 1..@fan, do: consumer(setting, [{source, []}])
    pass([source], @fan, triangle(n))
  end

  def run("broadcast", setting, n) do
    source = start(Source, {1, n, GenStage.BroadcastDispatcher}, setting)
    for _ <- 1..@fan, do: consumer(setting, [{source, []}])
    pass([source], @fan, @fan * triangle(n))
  end

  def run("partition", setting, n) do
    hash = fn event -> {event, rem(event, @fan)} end
    dispatcher = {GenStage.PartitionDispatcher, partitions: @fan, hash: hash}
    source = start(Source, {1, n, dispatcher}, setting)
    for key <- 0..(@fan - 1), do: consumer(setting, [{source, partition: key}])
    pass([source], @fan, triangle(n))
  end

  def run("merge", setting, n) do
    sources =
      for part <- 0..(@fan - 1) do
        range = {div(n * part, @fan) + 1, div(n * (part + 1), @fan)}
        start(Source, Tuple.append(range, GenStage.DemandDispatcher), setting)
      end

    consumer(setting, for(source <- sources, do: {source, []}))
    pass(sources, 1, triangle(n))
  end

  def run("payload", setting, n) do
    messages = Messages.make(setting.text)
    source = start(Writer, {n, messages}, setting)
    subscribe(start(Reader, self(), setting), source, setting, [])
    pass([source], 1, Messages.expected(messages, n))
  end

  def run("push", setting, n) do
    inlet = start(Inlet, GenStage.DemandDispatcher, setting)
    for _ <- 1..@fan, do: consumer(setting, [{inlet, []}])
    GenStage.demand(inlet, :forward)
    begin = now()
    push(inlet, 1, n)
    GenStage.async_info(inlet, :over)
    sums(@fan, triangle(n), begin)
  end

  def run("round_trip", setting, n) do
    inlet = start(Inlet, GenStage.DemandDispatcher, setting)
    echo = start(Echo, self(), setting)
    subscribe(echo, inlet, setting, [])
    GenStage.demand(inlet, :forward)
    # Off the heap, so that what is kept does not slow the collector of this process.
    trips = :atomics.new(n, [])
    begin = now()
    over = travel(inlet, trips, 1, n, begin)
    GenStage.async_info(inlet, :over)
    sorted = Enum.sort(for at <- 1..n, do: :atomics.get(trips, at)) |> List.to_tuple()
    quantiles = for part <- [0.5, 0.99, 0.999], do: elem(sorted, min(trunc(part * n), n - 1))
    {:ok, [over - begin | quantiles]}
  end

  defp start(module, argument, setting) do
    {:ok, pid} = GenStage.start_link(module, argument, spawn_opt: setting.spawn_opt)
    pid
  end

  defp consumer(setting, producers) do
    consumer = start(Sum, {length(producers), self()}, setting)
    for {producer, extra} <- producers, do: subscribe(consumer, producer, setting, extra)
  end

  defp subscribe(consumer, producer, %{max_demand: max}, extra) do
    options = [to: producer, cancel: :temporary, max_demand: max, min_demand: div(max, 2)]
    {:ok, _} = GenStage.sync_subscribe(consumer, options ++ extra)
  end

  defp pass(sources, consumers, expected) do
    begin = now()
    for source <- sources, do: GenStage.demand(source, :forward)
    sums(consumers, expected, begin)
  end

  defp sums(consumers, expected, begin) do
    sum = Enum.sum(for _ <- 1..consumers, do: receive(do: ({:sum, sum} -> sum)))
    if sum == expected, do: {:ok, [now() - begin]}, else: :wrong
  end

  defp push(inlet, event, last) do
    upto = min(event + @window - 1, last)
    for value <- event..upto, do: GenStage.cast(inlet, {:push, value})
    GenStage.async_info(inlet, {:passed, self()})
    # One window is under way while the next is cast.
    if event > 1, do: receive(do: (:passed -> :ok))
    if upto < last, do: push(inlet, upto + 1, last)
  end

  defp travel(_inlet, _trips, event, n, before) when event > n, do: before

  defp travel(inlet, trips, event, n, before) do
    GenStage.cast(inlet, {:push, event})
    receive(do: ({:back, ^event} -> :ok))
    after_it = now()
    :atomics.put(trips, event, after_it - before)
    travel(inlet, trips, event + 1, n, after_it)
  end

  defp now, do: :erlang.monotonic_time(:nanosecond)
  defp triangle(n), do: div(n * (n + 1), 2)
end

# GenStage as a peer: the line protocol of ../../peer.h, and the cases.
# SPDX-License-Identifier: Apache-2.0
#
# Each run has a process of its own, linked with its stages: when it has ended all their
# heaps are gone.  The setting "hms" gives stages a heap that rarely needs collecting, of
# a million words, and as much again for the binaries that it refers to: the garbage of
# lists is what limits GenStage most.  For "one_core" one scheduler stays online.

defmodule Peer do
  @moduledoc false

  @streams ~w(pipe2 pipe3 share broadcast partition merge)
  @single ~w(round_trip push)
  @texts ~w(bytes:120 bytes:1010)
  @own ~w(max:1 max:1000 max:10000 max:1000,hms max:10000,hms)
  @one_core ~w(max:1 max:1000)
  @payload ~w(max:1 max:1000 max:4000 max:1000,hms max:4000,hms)
  @hms_words 1_000_000
  @most_warming 100_000

  def main do
    # Standard output belongs to the protocol; a crash is told there as an error.
    :logger.remove_handler(:default)
    serve(MapSet.new())
  end

  defp serve(warm) do
    case IO.gets("") do
      line when is_binary(line) ->
        {text, warm} = answer(String.split(line), warm)
        IO.puts(text)
        serve(warm)

      _end ->
        :ok
    end
  end

  defp answer(["list"], warm), do: {Enum.join(names(), "\n") <> "\n.", warm}

  defp answer(["run", name, count], warm) do
    with {events, ""} when events > 0 <- Integer.parse(count), true <- name in names() do
      # The first run of a case loads code and grows the memory: a short one before it.
      unless name in warm, do: isolated(name, min(div(events, 10) + 1, @most_warming))
      {isolated(name, events), MapSet.put(warm, name)}
    else
      false -> {"error no such case", warm}
      _ -> {"error how many events?", warm}
    end
  end

  defp answer(_words, warm), do: {"error usage: list, or run CASE N", warm}

  defp names do
    for(work <- @streams, setting <- @own, do: "#{work}/own/#{setting}") ++
      for(work <- @streams, setting <- @one_core, do: "#{work}/one_core/#{setting}") ++
      for(work <- @single, place <- ~w(own one_core), do: "#{work}/#{place}/max:1") ++
      for place <- ~w(own one_core), setting <- @payload, text <- @texts do
        "payload/#{place}/#{setting},#{text}"
      end
  end

  defp isolated(name, events) do
    [work, placement, setting] = String.split(name, "/")
    :erlang.system_flag(:schedulers_online, schedulers(placement))

    {pid, ref} =
      spawn_monitor(fn -> exit({:outcome, Peer.Workloads.run(work, parse(setting), events)}) end)

    receive do
      {:DOWN, ^ref, :process, ^pid, {:outcome, {:ok, numbers}}} -> Enum.join(["ok" | numbers], " ")
      {:DOWN, ^ref, :process, ^pid, {:outcome, :wrong}} -> "error a wrong sum"
      {:DOWN, ^ref, :process, ^pid, problem} -> "error #{inspect(problem, width: :infinity)}"
    end
  end

  defp schedulers("one_core"), do: 1
  defp schedulers("own"), do: :erlang.system_info(:schedulers)

  defp parse(setting) do
    ["max:" <> max | flags] = String.split(setting, ",")
    room = [min_heap_size: @hms_words, min_bin_vheap_size: @hms_words]
    spawn_opt = if "hms" in flags, do: room, else: []
    %{max_demand: String.to_integer(max), spawn_opt: spawn_opt, text: List.last(flags)}
  end
end

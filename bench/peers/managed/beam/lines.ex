# A peer on the BEAM: the line protocol of ../../peer.h, for whatever runs the cases.
# SPDX-License-Identifier: Apache-2.0
#
# Each run has a process of its own, linked with its stages: when it has ended all their
# heaps are gone.  For "one_core" one scheduler stays online.

defmodule Peer.Lines do
  @moduledoc false

  @most_warming 100_000

  # Answers until the input ends.  A case is run by run.(workload, setting, events), which returns
  # {:ok, numbers} or :wrong.
  def serve(names, run) do
    # Standard output belongs to the protocol; a crash is told there as an error.
    :logger.remove_handler(:default)
    serve(names, run, MapSet.new())
  end

  defp serve(names, run, warm) do
    case IO.gets("") do
      line when is_binary(line) ->
        {text, warm} = answer(String.split(line), names, run, warm)
        IO.puts(text)
        serve(names, run, warm)

      _end ->
        :ok
    end
  end

  defp answer(["list"], names, _run, warm), do: {Enum.join(names, "\n") <> "\n.", warm}

  defp answer(["run", name, count], names, run, warm) do
    with {events, ""} when events > 0 <- Integer.parse(count), true <- name in names do
      # The first run of a case loads code and grows the memory: a short one before it.
      unless name in warm, do: isolated(run, name, min(div(events, 10) + 1, @most_warming))
      {isolated(run, name, events), MapSet.put(warm, name)}
    else
      false -> {"error no such case", warm}
      _ -> {"error how many events?", warm}
    end
  end

  defp answer(_words, _names, _run, warm), do: {"error usage: list, or run CASE N", warm}

  defp isolated(run, name, events) do
    [work, placement, setting] = String.split(name, "/")
    :erlang.system_flag(:schedulers_online, schedulers(placement))
    {pid, ref} = spawn_monitor(fn -> exit({:outcome, run.(work, setting, events)}) end)

    receive do
      {:DOWN, ^ref, :process, ^pid, {:outcome, {:ok, numbers}}} -> Enum.join(["ok" | numbers], " ")
      {:DOWN, ^ref, :process, ^pid, {:outcome, :wrong}} -> "error a wrong sum"
      {:DOWN, ^ref, :process, ^pid, problem} -> "error #{inspect(problem, width: :infinity)}"
    end
  end

  defp schedulers("one_core"), do: 1
  defp schedulers("own"), do: :erlang.system_info(:schedulers)
end

# Broadway as a peer: the cases, all of one workload.
# SPDX-License-Identifier: Apache-2.0
#
# "max" is what a processor asks for at most: 10 is Broadway's own.  The setting "hms" gives
# all its processes a heap that rarely needs collecting, as in ../genstage/peer.ex.

defmodule Peer do
  @moduledoc false

  @own ~w(max:10 max:256 max:1000 max:256,hms max:1000,hms)
  @one_core ~w(max:10 max:256 max:1000)
  @bytes ~w(bytes:8 bytes:120)
  @hms_words 1_000_000

  def main do
    # Built without mix, these applications have no files that tell of them.
    start(:telemetry, :telemetry_app, [])
    start(:broadway, Broadway.Application, config_storage: :persistent_term)

    Peer.Lines.serve(names(), fn "pipeline", setting, events ->
      Peer.Pipeline.run(parse(setting), events)
    end)
  end

  defp names do
    for {place, settings} <- [own: @own, one_core: @one_core],
        setting <- settings,
        bytes <- @bytes do
      "pipeline/#{place}/#{setting},#{bytes}"
    end
  end

  defp parse(setting) do
    ["max:" <> max | rest] = String.split(setting, ",")
    "bytes:" <> bytes = List.last(rest)
    room = [min_heap_size: @hms_words, min_bin_vheap_size: @hms_words]

    %{
      max_demand: String.to_integer(max),
      bytes: String.to_integer(bytes),
      spawn_opt: if("hms" in rest, do: room, else: [])
    }
  end

  defp start(name, module, env) do
    needs = [:kernel, :stdlib]
    :ok = :application.load({:application, name, mod: {module, []}, applications: needs, env: env})
    :ok = Application.start(name)
  end
end

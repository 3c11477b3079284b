# GenStage as a peer: the cases.
# SPDX-License-Identifier: Apache-2.0
#
# The setting "hms" gives stages a heap that rarely needs collecting, of a million words, and
# as much again for the binaries that it refers to: the garbage of lists is what limits
# GenStage most.

defmodule Peer do
  @moduledoc false

  @streams ~w(pipe2 pipe3 share broadcast partition merge)
  @single ~w(round_trip push)
  @texts ~w(bytes:120 bytes:1010)
  @own ~w(max:1 max:1000 max:10000 max:1000,hms max:10000,hms)
  @one_core ~w(max:1 max:1000)
  @payload ~w(max:1 max:1000 max:4000 max:1000,hms max:4000,hms)
  @hms_words 1_000_000

  def main do
    Peer.Lines.serve(names(), fn work, setting, events ->
      Peer.Workloads.run(work, parse(setting), events)
    end)
  end

  defp names do
    for(work <- @streams, setting <- @own, do: "#{work}/own/#{setting}") ++
      for(work <- @streams, setting <- @one_core, do: "#{work}/one_core/#{setting}") ++
      for(work <- @single, place <- ~w(own one_core), do: "#{work}/#{place}/max:1") ++
      for place <- ~w(own one_core), setting <- @payload, text <- @texts do
        "payload/#{place}/#{setting},#{text}"
      end
  end

  defp parse(setting) do
    ["max:" <> max | flags] = String.split(setting, ",")
    room = [min_heap_size: @hms_words, min_bin_vheap_size: @hms_words]
    spawn_opt = if "hms" in flags, do: room, else: []
    %{max_demand: String.to_integer(max), spawn_opt: spawn_opt, text: List.last(flags)}
  end
end

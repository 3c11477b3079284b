"""NATS JetStream: three servers, each message on two of them at least before it is confirmed.
SPDX-License-Identifier: Apache-2.0
"""
from cluster.processes import Process, answers, find_server, free_ports, until

SERVERS = 3


class Nats:
    name, title, server = "nats", "NATS", "nats-server"
    programs = ("feeder", "shipper")

    def __init__(self, folder, programs):
        ports = free_ports(2 * SERVERS)
        self.feeder, self.shipper = programs
        self.ports = ports[:SERVERS]
        self.url = ",".join(f"nats://127.0.0.1:{port}" for port in self.ports)
        write_configs(folder, self.ports, ports[SERVERS:])
        program = find_server(self.server)
        self.servers = [Process(folder, f"server-{i}", [program, "-c", folder / f"server-{i}.conf"])
                        for i in range(SERVERS)]

    def start(self):
        for server in self.servers:
            server.start()
        for port in self.ports:
            until(lambda port=port: answers(port), "starting the servers")

    def producer(self, name, messages, keys, partitions, rate):
        return [self.feeder, self.url, name, messages, keys, partitions, SERVERS, rate]

    def worker(self, i, stored):
        return [self.shipper, self.url, "JOBS", f"worker-{i}", f"jobs.{i}.>", stored]

    def unsettled(self, partitions):
        """NATS is not asked."""
        return ""


def write_configs(folder, ports, routes):
    listed = ", ".join(f'"nats://127.0.0.1:{port}"' for port in routes)
    for i, (port, route) in enumerate(zip(ports, routes)):
        (folder / f"server-{i}.conf").write_text(
            f'server_name: server-{i}\nhost: 127.0.0.1\nport: {port}\n'
            f'jetstream {{store_dir: "{folder}/server-{i}", max_file: 1GB}}\n'
            f'cluster {{name: demo, host: 127.0.0.1, port: {route}, routes: [{listed}]}}\n')

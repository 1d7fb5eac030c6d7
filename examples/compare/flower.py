"""The PyTorch loop of `peers.py` as a federation of Flower, in its simulation on Ray.

    python3 flower.py CLIENTS COHORT EPOCHS BATCH ROUNDS FOLDER

Prints what `peers.py` prints. Every worker of Ray loads the rows once, and has one core. Needs `flwr[simulation]` and `torch`.
"""

import json
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")
# Where the workers, which are processes of their own, find `peers`.
os.environ["PYTHONPATH"] = os.pathsep.join([HERE, os.environ.get("PYTHONPATH", "")])

import numpy
from flwr.app import ArrayRecord, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import ServerApp
from flwr.serverapp.strategy import FedAvg
from flwr.simulation import run_simulation

import peers


def client_app(clients, epochs, batch, folder):
    app = ClientApp()

    @app.train()
    def train(message, context):
        loop = peers.torch_loop(folder)
        # Shards and their order are those of the hand-written loops but for their draws.
        order = numpy.random.default_rng(1).permutation(len(loop.y))
        shard = numpy.array_split(order, clients)[context.node_config["partition-id"]]
        loop.state = message.content["arrays"].to_torch_state_dict()
        values = loop.train(shard, epochs, batch, numpy.random.default_rng())
        arrays = ArrayRecord(dict(zip(loop.state, values)))
        metrics = MetricRecord({"num-examples": len(shard)})
        return Message(content=RecordDict({"arrays": arrays, "metrics": metrics}), reply_to=message)

    return app


def server_app(clients, cohort, rounds, folder, ended):
    app = ServerApp()

    @app.main()
    def main(grid, context):
        loop = peers.torch_loop(folder)

        def evaluate(server_round, arrays):
            loop.state = arrays.to_torch_state_dict()
            accuracy = loop.accuracy()
            ended.append((time.perf_counter(), accuracy))
            return MetricRecord({"accuracy": accuracy})

        strategy = FedAvg(
            fraction_train=cohort / clients, fraction_evaluate=0.0, min_train_nodes=cohort, min_available_nodes=clients
        )
        strategy.start(grid=grid, initial_arrays=ArrayRecord(loop.state), num_rounds=rounds, evaluate_fn=evaluate)

    return app


def main(clients, cohort, epochs, batch, rounds, folder):
    folder, ended = os.path.abspath(folder), []
    run_simulation(
        server_app=server_app(clients, cohort, rounds, folder, ended),
        client_app=client_app(clients, epochs, batch, folder),
        num_supernodes=clients,
        backend_config={"client_resources": {"num_cpus": 1}},
    )
    # The first evaluation is that of the model before any round.
    times = [moment for moment, _ in ended]
    seconds = [later - earlier for earlier, later in zip(times, times[1:])]
    print(json.dumps({"seconds": seconds, "accuracy": ended[-1][1]}))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:6]), sys.argv[6])

"""Known answers for the training core, computed with PyTorch in double precision.

For every layer, activation, loss, optimizer, penalty and schedule a small network is trained for a few steps from
given weights; the losses of the steps and the weights afterwards are written to `nn.json` beside this file.

    pip install torch safetensors
    python core/vectors/make_nn_vectors.py

The configuration of each case is written as privet spells it, so that the test needs no table of its own.
"""

import json
import math
import pathlib

import torch

torch.set_default_dtype(torch.float64)

ACTIVATIONS = {
    "linear": None,
    "sigmoid": torch.nn.Sigmoid,
    "tanh": torch.nn.Tanh,
    "relu": torch.nn.ReLU,
    "leaky-relu": torch.nn.LeakyReLU,
    "elu": torch.nn.ELU,
    "gelu": torch.nn.GELU,
    "gelu-tanh": lambda: torch.nn.GELU(approximate="tanh"),
    "silu": torch.nn.SiLU,
    "softplus": torch.nn.Softplus,
    "softmax": lambda: torch.nn.Softmax(dim=1),
}
ROWS, INPUTS, STEPS = 9, 5, 4


def single(tensor):
    """Numbers that a single-precision float holds exactly, so that both sides start from the same ones."""
    return tensor.to(torch.float32).to(torch.float64)


def network(model, outputs, takes_logits):
    modules, width = [], INPUTS
    for units in model["hidden"]:
        modules.append(torch.nn.Linear(width, units, bias=model.get("bias", True)))
        if model.get("normalization") == "layer":
            modules.append(torch.nn.LayerNorm(units))
        activation = ACTIVATIONS[model.get("activation", "relu")]
        if activation:
            modules.append(activation())
        width = units
    modules.append(torch.nn.Linear(width, outputs, bias=model.get("bias", True)))
    activation = ACTIVATIONS[model.get("output-activation", "linear")]
    if activation and not takes_logits:
        modules.append(activation())
    return torch.nn.Sequential(*modules)


def loss_of(training, outputs, targets, weights):
    """The loss of each row, and their weighted mean."""
    name, smoothing = training.get("loss", "cross-entropy"), training.get("label-smoothing", 0.0)
    if name == "cross-entropy":
        rows = torch.nn.functional.cross_entropy(outputs, targets, reduction="none", label_smoothing=smoothing)
    elif name == "binary-cross-entropy":
        wanted = targets.to(torch.float64) * (1 - smoothing) + smoothing / 2
        rows = torch.nn.functional.binary_cross_entropy_with_logits(outputs[:, 0], wanted, reduction="none")
    else:
        wanted = targets
        if targets.dtype == torch.int64:
            wanted = torch.nn.functional.one_hot(targets, outputs.shape[1]).to(torch.float64)
        wanted = wanted.reshape(outputs.shape)
        each = {
            "mean-squared-error": lambda: torch.nn.functional.mse_loss(outputs, wanted, reduction="none"),
            "mean-absolute-error": lambda: torch.nn.functional.l1_loss(outputs, wanted, reduction="none"),
            "huber": lambda: torch.nn.functional.huber_loss(
                outputs, wanted, reduction="none", delta=training.get("huber-delta", 1.0)
            ),
        }[name]()
        rows = each.mean(dim=1)
    return (rows * weights).sum() / weights.sum()


def optimizer_of(training, parameters):
    rate, decay = training["learning-rate"], training.get("weight-decay", 0.0)
    name = training.get("optimizer", "sgd")
    if name == "sgd":
        momentum, nesterov = training.get("momentum", 0.0), training.get("nesterov", False)
        return torch.optim.SGD(parameters, rate, momentum=momentum, nesterov=nesterov, weight_decay=decay)
    if name == "rmsprop":
        return torch.optim.RMSprop(parameters, rate, weight_decay=decay)
    if name == "adagrad":
        return torch.optim.Adagrad(parameters, rate, eps=1e-8, weight_decay=decay)
    if name == "adam":
        return torch.optim.Adam(parameters, rate, weight_decay=decay)
    return torch.optim.AdamW(parameters, rate, weight_decay=decay)


def schedule_of(training, optimizer):
    """The schedule times the warm-up, which reaches its whole rate with the last step of its epochs."""
    schedule, warm = plain_schedule_of(training, optimizer), training.get("warm-up-epochs")
    if warm is None:
        return schedule
    start = torch.optim.lr_scheduler.LinearLR(optimizer, 1 / warm, 1.0, warm - 1)
    return torch.optim.lr_scheduler.ChainedScheduler([schedule, start])


def plain_schedule_of(training, optimizer):
    epochs, factor = training.get("schedule-epochs", 10), training.get("schedule-factor", 0.1)
    schedulers = torch.optim.lr_scheduler
    name = training.get("schedule", "constant")
    if name == "step":
        return schedulers.StepLR(optimizer, epochs, factor)
    if name == "exponential":
        return schedulers.ExponentialLR(optimizer, factor ** (1 / epochs))
    if name == "cosine":
        return schedulers.CosineAnnealingLR(optimizer, epochs, eta_min=factor * training["learning-rate"])
    return schedulers.ConstantLR(optimizer, 1.0)


def limit_norms(net, limit):
    for module in net:
        if isinstance(module, torch.nn.Linear):
            with torch.no_grad():
                norms = module.weight.norm(dim=1, keepdim=True)
                module.weight.mul_(torch.where(norms > limit, limit / norms, torch.ones_like(norms)))


def case(name, seed, model=None, training=None, outputs=3, weights=None):
    model = {"hidden": [4, 3], **(model or {})}
    training = {"learning-rate": 0.1, "batch-size": "full", "epochs": STEPS, **(training or {})}
    torch.manual_seed(seed)
    loss = training.get("loss", "cross-entropy")
    takes_logits = loss in ("cross-entropy", "binary-cross-entropy")
    units = 1 if loss == "binary-cross-entropy" else outputs
    net = network(model, units, takes_logits)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(single(parameter + 0.3 * torch.randn_like(parameter)))
    features = single(torch.randn(ROWS, INPUTS))
    targets = torch.randint(outputs, (ROWS,)) if outputs > 1 else single(torch.randn(ROWS))
    row_weights = torch.tensor(weights or [1.0] * ROWS)
    counted = row_weights.clone()
    given = training.get("class-weights")
    if given == "balanced":
        counts = torch.bincount(targets, minlength=outputs)
        present = (counts > 0).sum()
        counted = counted * (ROWS / (present * counts.clamp(min=1)))[targets]
    elif given is not None:
        counted = counted * torch.tensor(given)[targets]
    before = {key: value.flatten().tolist() for key, value in net.state_dict().items()}
    optimizer = optimizer_of(training, net.parameters())
    scheduler = schedule_of(training, optimizer)
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        value = loss_of(training, net(features), targets, counted)
        losses.append(value.item())
        for module in net:
            if isinstance(module, torch.nn.Linear):
                value = value + training.get("l1", 0.0) * module.weight.abs().sum()
                value = value + training.get("l2", 0.0) * module.weight.square().sum()
        value.backward()
        if "clip-value" in training:
            torch.nn.utils.clip_grad_value_(net.parameters(), training["clip-value"])
        if "clip-norm" in training:
            torch.nn.utils.clip_grad_norm_(net.parameters(), training["clip-norm"])
        optimizer.step()
        scheduler.step()
        if "max-norm" in training:
            limit_norms(net, training["max-norm"])
    assert all(math.isfinite(value) for value in losses), name
    return {
        "name": name,
        "model": model,
        "training": training,
        "inputs": INPUTS,
        "outputs": outputs,
        "features": features.flatten().tolist(),
        "targets": targets.tolist(),
        "weights": row_weights.tolist(),
        "before": before,
        "losses": losses,
        "after": {key: value.flatten().tolist() for key, value in net.state_dict().items()},
    }


def cases():
    seed = iter(range(1, 1000))
    for activation in ACTIVATIONS:
        if activation != "softmax":
            yield case(f"activation {activation}", next(seed), {"activation": activation})
            yield case(
                f"output {activation}",
                next(seed),
                {"output-activation": activation},
                {"loss": "mean-squared-error"},
                outputs=1,
            )
    softmax = {"output-activation": "softmax"}
    yield case("output softmax, squared error", next(seed), softmax, {"loss": "mean-squared-error"})
    yield case("without hidden layers", next(seed), {"hidden": []})
    yield case("without bias", next(seed), {"bias": False})
    yield case("layer normalization", next(seed), {"normalization": "layer", "activation": "tanh"})
    yield case("label smoothing", next(seed), None, {"label-smoothing": 0.1})
    binary = {"loss": "binary-cross-entropy"}
    yield case("binary cross-entropy", next(seed), None, binary, outputs=2)
    yield case("binary label smoothing", next(seed), None, {**binary, "label-smoothing": 0.2}, outputs=2)
    for loss in ("mean-squared-error", "mean-absolute-error", "huber"):
        yield case(f"{loss} of a number", next(seed), None, {"loss": loss}, outputs=1)
        yield case(f"{loss} of classes", next(seed), None, {"loss": loss})
    yield case("huber with a delta", next(seed), None, {"loss": "huber", "huber-delta": 0.25}, outputs=1)
    yield case("class weights", next(seed), None, {"class-weights": [1.0, 0.5, 2.0]})
    yield case("balanced classes", next(seed), None, {"class-weights": "balanced"})
    yield case("sample weights", next(seed), weights=[1.0, 2.0, 0.5, 0.0, 1.0, 1.0, 3.0, 0.25, 1.0])
    optimizers = {
        "weight decay": {"weight-decay": 0.1},
        "momentum": {"momentum": 0.9},
        "momentum, weight decay": {"momentum": 0.9, "weight-decay": 0.1},
        "nesterov": {"momentum": 0.9, "nesterov": True, "weight-decay": 0.1},
    }
    for name in ("rmsprop", "adagrad", "adam", "adamw"):
        optimizers[name] = {"optimizer": name, "learning-rate": 0.01}
        optimizers[f"{name}, weight decay"] = {"optimizer": name, "learning-rate": 0.01, "weight-decay": 0.1}
    for name, training in optimizers.items():
        yield case(name, next(seed), {"activation": "tanh"}, training)
    penalties = {
        "l1": {"l1": 0.01},
        "l2": {"l2": 0.05},
        "l2, adam": {"l2": 0.05, "optimizer": "adam", "learning-rate": 0.01},
        "max norm": {"max-norm": 0.8},
        "clip norm": {"clip-norm": 0.2},
        "clip value": {"clip-value": 0.05},
        "clip norm, l2, momentum": {"clip-norm": 0.2, "l2": 0.05, "momentum": 0.5},
    }
    for name, training in penalties.items():
        yield case(name, next(seed), {"activation": "tanh"}, training)
    for name in ("step", "exponential", "cosine"):
        training = {"schedule": name, "schedule-epochs": 2 if name == "step" else 4, "schedule-factor": 0.25}
        yield case(f"schedule {name}", next(seed), {"activation": "tanh"}, training)
    yield case("warm-up", next(seed), {"activation": "tanh"}, {"warm-up-epochs": 3})
    falling = {"warm-up-epochs": 3, "schedule": "exponential", "schedule-epochs": 4, "schedule-factor": 0.25}
    yield case("warm-up, schedule exponential", next(seed), {"activation": "tanh"}, falling)
    yield case("warm-up, momentum", next(seed), {"activation": "tanh"}, {"warm-up-epochs": 2, "momentum": 0.9})


if __name__ == "__main__":
    document = {"torch": torch.__version__, "cases": list(cases())}
    path = pathlib.Path(__file__).with_name("nn.json")
    path.write_text(json.dumps(document, indent=None, separators=(",", ":")).replace('{"name"', '\n{"name"') + "\n")
    print(f"{len(document['cases'])} cases in {path}")

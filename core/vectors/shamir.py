"""Known answers for core/src/secagg/shamir.rs, computed with Python's integers: `python3 shamir.py > shamir.json`."""

import hashlib
import json

P = 2**61 - 1


def numbers(label, count):
    """Reproducible numbers below P."""
    return [int.from_bytes(hashlib.sha256(f"{label}/{i}".encode()).digest()[:16], "big") % P for i in range(count)]


def vector(secret, holders, threshold):
    cuts = [secret[0:7], secret[7:14], secret[14:21], secret[21:28], secret[28:32]]
    constants = [int.from_bytes(cut, "little") for cut in cuts]
    coefficients = [numbers(f"{secret.hex()}/{power}", 5) for power in range(1, threshold)]
    shares = [
        [
            (constants[limb] + sum(row[limb] * pow(x, power, P) for power, row in enumerate(coefficients, 1))) % P
            for limb in range(5)
        ]
        for x in holders
    ]
    return {"secret": secret.hex(), "holders": holders, "coefficients": coefficients, "shares": shares}


print(
    json.dumps(
        [
            vector(bytes(32), [1, 2], 2),
            vector(b"\xff" * 32, [1, 2, 3], 2),
            vector(bytes(range(32)), [3, 1, 4, 15, 9], 5),
            vector(hashlib.sha256(b"privet").digest(), list(range(1, 41)), 21),
            vector(hashlib.sha256(b"hedge").digest(), [1, 2**31, 2**32 - 1, 77], 3),
        ],
        indent=1,
    )
)

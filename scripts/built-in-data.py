#!/usr/bin/env python3
"""Makes the two data sets that live inside the binary from the files as UCI's mirrors give them.

    scripts/built-in-data.py optdigits.dat heart_disease_uci.csv

writes core/src/data/built_in/digits.bin.gz and heart.csv.gz. Only Python's standard library is used, and the
same originals give the same rows always; docs/data.md says where the originals come from.

digits.bin.gz  5,620 x 64 pixels, a byte each (0 to 16), row after row; then 5,620 classes, a byte each.
heart.csv.gz   920 rows: the hospital (told by the patient's number, for the column `dataset` is wrong for one
               patient), ten measurements, and whether disease was found. The columns slope, ca and thal are left
               out, as in FLamby's recipe; rows with gaps stay in, and are dropped when the set is read.
"""

import csv
import gzip
import hashlib
import io
import pathlib
import sys

OUT = pathlib.Path(__file__).resolve().parent.parent / "core" / "src" / "data" / "built_in"

DIGITS_SHA256 = "ff5bdca1a597fde4361854eeec741dc671a97633a1de46f1ac23fc173f95306b"
HEART_SHA256 = "574f2fa2b43012fa25fca4fcdb36bd7c6bccdd0af4242f6c0e4c8633c5a072ae"

HEART_COLUMNS = ["age", "sex", "cp", "trestbps", "chol", "fbs", "restecg", "thalch", "exang", "oldpeak"]
LAST_PATIENT = [(303, "Cleveland"), (597, "Hungary"), (720, "Switzerland"), (920, "VA Long Beach")]


def original(path, sha256):
    """The bytes of an original, if they are the right ones."""
    content = pathlib.Path(path).read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        sys.exit(f"{path}: SHA-256 is {found}, expected {sha256}: this is another version of the file")
    return content


def digits(content):
    rows = [[int(value) for value in line.split(",")] for line in content.decode("ascii").splitlines()]
    pixels = bytes(value for row in rows for value in row[:64])
    classes = bytes(row[64] for row in rows)
    return pixels + classes


def heart(content):
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["hospital", *HEART_COLUMNS, "disease"])
    for row in csv.DictReader(io.StringIO(content.decode("utf-8"), newline="")):
        hospital = next(name for last, name in LAST_PATIENT if int(row["id"]) <= last)
        found = "yes" if int(row["num"]) > 0 else "no"
        writer.writerow([hospital, *(row[column] for column in HEART_COLUMNS), found])
    return out.getvalue().encode("ascii")


def write(name, content):
    path = OUT / name
    path.write_bytes(gzip.compress(content, compresslevel=9, mtime=0))
    print(f"{path.name}: "
          f"{len(content)} bytes, {path.stat().st_size} compressed, SHA-256 of the content "
          f"{hashlib.sha256(content).hexdigest()}")


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: scripts/built-in-data.py optdigits.dat heart_disease_uci.csv")
    write("digits.bin.gz", digits(original(sys.argv[1], DIGITS_SHA256)))
    write("heart.csv.gz", heart(original(sys.argv[2], HEART_SHA256)))


if __name__ == "__main__":
    main()

"""Judges ONNX files: the structure, and shapes and types as ONNX's own inference finds them.

Usage: .venv-judges/bin/python test/conformance/check_models.py FILE...
Prints {file: null or what is wrong with it} as JSON.
"""

import json
import sys

import onnx


def complaint(path):
    try:
        onnx.checker.check_model(path, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        return str(error)
    return None


json.dump({path: complaint(path) for path in sys.argv[1:]}, sys.stdout)

"""What NVIDIA's lean runtime says where no GPU is: `python tools/lean_trial.py`.

Downloads `tensorrt_lean_cu13_libs` and its bindings (44 MB for x86-64) into a temporary folder,
looks for every name that `engines/tensorrt/runtime.py` uses, and asks the real library about plans,
each question in a process of its own. docs/adr/0008-build-plans-with-tensorrt-itself.md says what
it answered.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

VERSION = "11.4.0.106"
USED = {
    "Runtime": "deserialize_cuda_engine",
    "ICudaEngine": "num_io_tensors get_tensor_name get_tensor_dtype get_tensor_mode "
    "num_optimization_profiles create_execution_context get_tensor_profile_shape",
    "IExecutionContext": "set_optimization_profile_async set_input_shape get_tensor_shape "
    "set_tensor_address execute_async_v3",
    "ILogger": "Severity",
    "TensorIOMode": "INPUT OUTPUT",
}
START = """
import tensorrt_lean_bindings as trt
runtime = trt.Runtime(trt.Logger(trt.Logger.ERROR))
"""
QUESTIONS = {
    "make a runtime": "runtime",
    "free it": "del runtime",
    "load an empty plan": "runtime.deserialize_cuda_engine(b'')",
    "load a damaged plan": "runtime.deserialize_cuda_engine(b'ftrt' + bytes(1000))",
    "read a property": "runtime.max_threads",
}


def main() -> None:
    """Install, look, ask, and print."""
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", folder, "numpy"]
        wheels = [f"tensorrt_lean_cu13_{part}=={VERSION}" for part in ("libs", "bindings")]
        subprocess.run([*pip, *wheels], check=True)
        environment = {**os.environ, "PYTHONPATH": folder}
        code = (
            "import tensorrt_lean_bindings as trt\n"
            f"used = {USED!r}\n"
            "print('version', trt.__version__)\n"
            "print('missing', [f'{c}.{n}' for c, names in used.items() for n in names.split()"
            " if not hasattr(getattr(trt, c, None), n)])\n"
            "print('builder', hasattr(trt, 'Builder'), 'parser', hasattr(trt, 'OnnxParser'))\n"
        )
        subprocess.run([sys.executable, "-c", code], env=environment, check=True)
        for question, call in QUESTIONS.items():
            told = subprocess.run(
                [sys.executable, "-c", f"{START}{call}\nimport os\nos._exit(0)"],
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            first = next(iter((told.stdout + told.stderr).strip().splitlines()), "")
            print(f"{question}: exit code {told.returncode}, {first[:150]}")


if __name__ == "__main__":
    main()

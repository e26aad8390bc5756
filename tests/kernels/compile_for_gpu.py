"""Compile Triton kernels for a GPU that is not here: `python compile_for_gpu.py OP CAPABILITY`.

`calls()` of `tests/kernels/OP/on_gpu.py` calls the host functions of `_triton.py` on small CPU
tensors; each launch compiles its kernel down to machine code and launches nothing. Prints one
JSON line a kernel: name, shared memory in bytes, and the size of the machine code.
"""

import importlib.util
import json
import sys
from pathlib import Path


def main(op: str, capability: int) -> None:
    import torch
    from triton.backends.compiler import GPUTarget
    from triton.runtime import driver
    from triton.runtime.jit import JITFunction

    class NoDevice:
        """As much of a driver as the compiler asks for."""

        def get_current_target(self):
            return GPUTarget("cuda", capability, 32)

        def get_current_device(self):
            return 0

        def get_current_stream(self, device=None):
            return 0

        def get_active_torch_device(self):
            return torch.device("cpu")

    driver.set_active(NoDevice())
    launch = JITFunction.run

    def compile_only(self, *args, grid, warmup, **options):
        kernel = launch(self, *args, grid=grid, warmup=True, **options)
        print(json.dumps({"kernel": self.fn.__name__, "shared": kernel.metadata.shared,
                          "bytes": len(kernel.asm["cubin"])}))
        return kernel

    JITFunction.run = compile_only
    path = Path(__file__).parent / op / "on_gpu.py"
    spec = importlib.util.spec_from_file_location("on_gpu", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for call in module.calls():
        call()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))

"""How JAX compiles in tests: quickly, to the numbers that users get."""

QUICKLY = "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false"
"""Flags of XLA. Compiling is most of the time of JAX's tests. It takes half as long without LLVM's
optimisations, and half of that with XLA's older way of writing fused loops (jaxlib 0.10)."""

"""How JAX compiles in tests: quickly, to the numbers that users get."""

QUICKLY = (
    "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false "
    "--xla_cpu_parallel_codegen_split_count=1"
)
"""Flags of XLA. Compiling is most of the time of JAX's tests. It takes half as long without LLVM's
optimisations, half of that with XLA's older way of writing fused loops (jaxlib 0.10), and two
thirds of what is left where a program is not cut into 32 parts for as many threads."""

//! Smooth kernels on coarser grids, within a tolerance.

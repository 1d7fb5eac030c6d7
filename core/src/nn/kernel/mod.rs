//! The loops in which the time goes: matrix products over register tiles, and elementwise functions.
//!
//! # The promise
//!
//! Every instruction set gives the same bits. Each element of a product is one chain of fused multiply-adds,
//! `acc = fma(a[i, k], b[k, j], acc)`, in ascending order of `k`; only different elements run side by side in a vector.
//! `exp` and `tanh` are polynomials in fused multiply-adds of our own ([`math`]), other functions come from the `libm`
//! crate, compiled from Rust for every machine alike. Rust never contracts or reorders floating-point operations by
//! itself, so neither the instruction set, nor the size of a tile, nor the number of threads can change a result.

pub(in crate::nn) mod math;
mod padding;
mod panels;
mod product;
mod tiles;
mod transpose;

pub(in crate::nn) use padding::Padding;
pub(in crate::nn) use product::{Descent, Forward, WeightGradient};
pub(in crate::nn) use transpose::Transpose;

//! Tables and plots: plain data in, text out. Imports nothing but the vocabulary; knows no terminal and no file.
//!
//! [`loss`] is the comparison of `layerlab loss`: its data, its scorecard, its pictures.

pub mod loss;

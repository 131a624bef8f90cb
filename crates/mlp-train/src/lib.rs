//! Trains and evaluates [`mlp_core`] networks on [`mlp_data`] datasets, and reads and writes model
//! files and run directories.
//!
//! This crate never prints; the loop reports events to an [`Observer`]. Parallel work runs on the
//! caller's rayon pool, and results do not depend on the number of threads.
//!
//! ```
//! use mlp_train::{Examples, Kernel, TrainConfig, Trainer, evaluate};
//!
//! let data = mlp_data::synthetic::digits(500, 200, 0);
//! let config = TrainConfig { epochs: 10, learning_rate: 0.02, ..TrainConfig::default() };
//! let plan = config.validate(&data.train)?;
//! let examples = Examples::new(&plan, &data.train);
//! let mut trainer = Trainer::<f32>::new(plan, &examples)?;
//! let trace = trainer.run(&mut ())?; // `()` ignores every event
//! assert_eq!(trace.len(), 10);
//!
//! let evaluation = evaluate(trainer.network(), &data.test, Kernel::Auto)?;
//! assert!(evaluation.score.accuracy() > 0.5);
//! # Ok::<(), mlp_train::Error>(())
//! ```
//!
//! Longer examples are in `examples/`: `cargo run -p mlp-train --example classify`.

#![forbid(unsafe_code)]

mod config;
mod error;
pub mod formats;
mod model;
pub mod mpi;
mod number;
mod run;
mod training;

pub use config::class_rotation::ClassRotation;
pub use config::error::ConfigError;
pub use config::kernel::Kernel;
pub use config::metric::{EpochRecord, Metric, Outcome, Target};
pub use config::plan::Plan;
pub use config::schedule::Schedule;
pub use config::train_config::{OptimizerName, ScheduleName, TrainConfig};
pub use error::Error;
pub use model::classes::{Matched, match_classes};
pub use model::evaluate::{ClassReport, ConfusionMatrix, Evaluation, evaluate};
pub use model::metadata::{Metadata, Model};
pub use model::network::Network;
pub use number::Number;
pub use run::checkpoint::{Checkpoint, Origin};
pub use run::checkpoints::Every;
pub use run::result::{Best, RunResult, Status};
pub use run::run_dir::RunDir;
pub use run::train::RunSetup;
pub use run::writer::EpochWriter;
pub use training::batches::Examples;
pub use training::events::{Control, Ending, Event, Observer};
pub use training::processes::Processes;
pub use training::range_test;
pub use training::trainer::Trainer;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

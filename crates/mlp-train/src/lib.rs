//! Training for [`mlp_core`] on the data sets of [`mlp_data`]: the chapter's loop, evaluation, model files and run
//! directories.
//!
//! Nothing here prints. The loop tells an [`Observer`] what happens, and somebody else shows it. Parallel work runs on the
//! rayon pool that the caller is in, and its results do not depend on the number of threads.
//!
//! ```
//! use mlp_train::{TrainConfig, Trainer, evaluate};
//!
//! let data = mlp_data::synthetic::digits(500, 200, 0);
//! let config = TrainConfig { epochs: 10, learning_rate: 0.02, ..TrainConfig::default() };
//! let mut trainer = Trainer::<f32>::new(config.validate(&data.train)?, &data.train)?;
//! let trace = trainer.run(&mut ())?; // `()` observes nothing
//! assert_eq!(trace.len(), 10);
//!
//! let evaluation = evaluate(trainer.network(), &data.test)?;
//! assert!(evaluation.score.accuracy() > 0.5);
//! # Ok::<(), mlp_train::Error>(())
//! ```

#![forbid(unsafe_code)]

mod config;
mod error;
mod evaluate;
mod events;
mod kernel;
mod mean;
mod model;
mod model_file;
mod number;
mod run_dir;
mod shuffle;
mod trainer;

pub use config::{Plan, TrainConfig};
pub use error::{ConfigError, Error};
pub use evaluate::{ClassReport, ConfusionMatrix, Evaluation, evaluate};
pub use events::{Control, EpochRecord, Event, Observer};
pub use kernel::Kernel;
pub use model::{Metadata, Model, Network};
pub use number::Number;
pub use run_dir::{RunDir, TraceWriter};
pub use trainer::Trainer;

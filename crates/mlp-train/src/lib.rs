//! Training for [`mlp_core`] on the datasets of [`mlp_data`]: the chapter's loop, evaluation, model files and run
//! directories.
//!
//! Nothing here prints. The loop tells an [`Observer`] what happens, and somebody else shows it. Parallel work runs on the
//! rayon pool that the caller is in, and its results do not depend on the number of threads.
//!
//! ```
//! use mlp_train::{Examples, TrainConfig, Trainer, evaluate};
//!
//! let data = mlp_data::synthetic::digits(500, 200, 0);
//! let config = TrainConfig { epochs: 10, learning_rate: 0.02, ..TrainConfig::default() };
//! let plan = config.validate(&data.train)?;
//! let examples = Examples::new(&plan, &data.train);
//! let mut trainer = Trainer::<f32>::new(plan, &examples)?;
//! let trace = trainer.run(&mut ())?; // `()` observes nothing
//! assert_eq!(trace.len(), 10);
//!
//! let evaluation = evaluate(trainer.network(), &data.test)?;
//! assert!(evaluation.score.accuracy() > 0.5);
//! # Ok::<(), mlp_train::Error>(())
//! ```
//!
//! The directory `examples/` has `train_and_save` and `classify`, each of one page: `cargo run -p mlp-train --example classify`.

#![forbid(unsafe_code)]

mod checkpoint;
mod config;
mod error;
mod evaluate;
mod events;
pub mod exchange;
mod frame;
mod inference;
mod kernel;
mod layer_content;
mod mean;
mod metric;
mod model;
mod model_file;
mod number;
mod pace;
mod plan;
mod progress;
pub mod range_test;
mod run;
mod run_dir;
mod saver;
mod schedule;
mod shuffle;
mod tensorboard;
mod trainer;
mod writers;

pub use checkpoint::{Checkpoint, Origin};
pub use config::{OptimizerName, TrainConfig};
pub use error::{ConfigError, Error};
pub use evaluate::{ClassReport, ConfusionMatrix, Evaluation, evaluate};
pub use events::{Control, Ending, EpochRecord, Event, Observer, Outcome};
pub use kernel::Kernel;
pub use metric::{Metric, Target};
pub use model::{Metadata, Model, Network};
pub use number::Number;
pub use plan::Plan;
pub use run::{Best, Every, RunResult, RunSetup, Status};
pub use run_dir::RunDir;
pub use schedule::{Schedule, ScheduleName};
pub use tensorboard::TensorBoardWriter;
pub use trainer::{Examples, Trainer};
pub use writers::{MetricsWriter, TraceWriter};

//! `mlp train` as several ranks: the first one leads, and the others follow.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, ensure};
use mlp_train::Error;
use mlp_train::mpi::World;

use crate::data::TrainingData;
use crate::output::messages::{self, note};
use crate::output::version::PROGRAM;
use crate::ranks::processor_remark;
use crate::recipe::Recipe;
use crate::signals::Signals;
use crate::together::Group;
use crate::training::{Training, check_same, start_threads};

/// Exit code of a rank whose training diverged. The first one prints the error.
const DIVERGED: u8 = 3;

/// Calls `lead` in the first rank, and follows it in the others. An error ends all of them.
pub(super) fn run(
    world: World,
    (threads, data_dir): (usize, &Path),
    lead: impl FnOnce(&Group) -> anyhow::Result<ExitCode>,
) -> anyhow::Result<ExitCode> {
    let group = Group::new(world);
    let is_first = group.is_first();
    let ended = match is_first {
        true => lead(&group),
        false => follow(&group, threads, data_dir).with_context(|| group.name()),
    };
    match ended {
        Ok(code) => {
            if is_first {
                group.finish();
            }
            Ok(code)
        }
        // All ranks know that.
        Err(error) if matches!(error.downcast_ref(), Some(Error::Diverged { .. })) => match is_first {
            true => Err(error),
            false => Ok(ExitCode::from(DIVERGED)),
        },
        Err(error) => {
            messages::error(&error);
            group.abort(2)
        }
    }
}

/// Takes part in the training of the first rank.
fn follow(group: &Group, threads: usize, data_dir: &Path) -> anyhow::Result<ExitCode> {
    start_threads(threads)?;
    let Some((letter, checkpoint)) = group.receive()? else { return Ok(ExitCode::SUCCESS) };
    let expected = &letter.origin.program;
    ensure!(PROGRAM == expected, "this is {PROGRAM}; expected {expected}, as in the first rank");
    let recipe = Recipe::of(letter.recipe.parse().context("the recipe of the first rank")?)?;
    let training = Training::new(recipe.clone(), Arc::new(TrainingData::load(&recipe, data_dir, true)?))?;
    let own = training.origin();
    check_same(&letter.run, &letter.origin, &own)?;
    let of_first = letter.origin.processor.as_deref();
    if let Some(text) = processor_remark(&group.name(), own.processor.as_deref(), of_first) {
        note(&text);
    }
    // The first rank decides what to do about signals, which the launcher sends to all.
    let _signals = Signals::listen()?;
    training.follow(group, &checkpoint)?;
    Ok(ExitCode::SUCCESS)
}

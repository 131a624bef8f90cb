//! What the figures were measured on, and how much memory that took.

use std::fs;
use std::num::NonZero;
use std::thread;

use mlp_core::Isa;
use serde::Serialize;

/// Processor and instructions, and what multiplies.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Machine {
    /// The processor's name, or its architecture where Linux does not name it.
    pub(super) cpu: String,
    /// Those that this process may use.
    pub(super) cores: usize,
    /// The sets of instructions that our kernels may choose from, the fastest first.
    pub(super) instructions: Vec<&'static str>,
    /// What multiplies dense matrices by default.
    pub(super) products: &'static str,
}

impl Machine {
    pub(super) fn this() -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        Self {
            cpu: field(&cpuinfo, "model name").unwrap_or(std::env::consts::ARCH).to_owned(),
            cores: cores(),
            instructions: Isa::available().map(Isa::name).collect(),
            products: mlp_core::backend(),
        }
    }
}

/// The cores that this process may use.
pub(super) fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

/// The most memory that this process has ever had in use, on Linux.
pub(super) fn peak_memory_bytes() -> Option<u64> {
    peak_memory(&fs::read_to_string("/proc/self/status").ok()?)
}

fn peak_memory(status: &str) -> Option<u64> {
    let kibibytes: u64 = field(status, "VmHWM")?.strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// The first line `name : value` of a file in Linux's `/proc`.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let mut fields = text.lines().filter_map(|line| line.split_once(':'));
    Some(fields.find(|(found, _)| found.trim_end() == name)?.1.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linux_names_the_processor_and_counts_the_memory() {
        let cpuinfo = "processor\t: 0\nmodel name\t: AMD EPYC: 9R14\nprocessor\t: 1\nmodel name\t: another\n";
        assert_eq!(field(cpuinfo, "model name"), Some("AMD EPYC: 9R14"));
        assert_eq!(field("CPU part\t: 0xd0c\n", "model name"), None);
        assert_eq!(peak_memory("VmPeak:\t  900 kB\nVmHWM:\t    2000 kB\n"), Some(2_048_000));
        assert_eq!(peak_memory("VmHWM:\t 2000\n"), None);
    }
}

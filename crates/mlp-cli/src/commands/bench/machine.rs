//! Describes the machine: processor, cores, instruction sets. Also measures peak memory.

use std::fs;
use std::num::NonZero;
use std::process::Command;
use std::thread;

use mlp_core::{Isa, MatmulBackend};
use serde::Serialize;

/// Processor, instruction sets and matmul backend.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Machine {
    /// Name of the processor, or its architecture if the name is unknown.
    pub(super) cpu: String,
    /// Number of cores that this process may use.
    pub(super) cores: usize,
    /// Instruction sets available to the built-in kernels, fastest first.
    pub(super) instructions: Vec<&'static str>,
    /// Default matmul backend.
    pub(super) products: &'static str,
}

impl Machine {
    pub(super) fn this() -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        Self {
            cpu: field(&cpuinfo, "model name").map(str::to_owned).or_else(mac_cpu).unwrap_or_else(arch),
            cores: thread::available_parallelism().map_or(1, NonZero::get),
            instructions: Isa::available().map(Isa::name).collect(),
            products: MatmulBackend::default().name(),
        }
    }
}

/// The name of the processor on macOS.
fn mac_cpu() -> Option<String> {
    if !cfg!(target_os = "macos") {
        return None;
    }
    let output = Command::new("sysctl").args(["-n", "machdep.cpu.brand_string"]).output().ok()?;
    let name = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (!name.is_empty()).then_some(name)
}

fn arch() -> String {
    format!("an {} processor", std::env::consts::ARCH)
}

/// The peak memory of this process, on Linux.
pub(super) fn peak_memory_bytes() -> Option<u64> {
    peak_memory(&fs::read_to_string("/proc/self/status").ok()?)
}

fn peak_memory(status: &str) -> Option<u64> {
    let kibibytes: u64 = field(status, "VmHWM")?.strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// The value of the first line `name : value` in a file of Linux's `/proc`.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let mut fields = text.lines().filter_map(|line| line.split_once(':'));
    Some(fields.find(|(found, _)| found.trim_end() == name)?.1.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_and_memory_are_read_from_proc() {
        let cpuinfo = "processor\t: 0\nmodel name\t: AMD EPYC: 9R14\nprocessor\t: 1\nmodel name\t: another\n";
        assert_eq!(field(cpuinfo, "model name"), Some("AMD EPYC: 9R14"));
        assert_eq!(field("CPU part\t: 0xd0c\n", "model name"), None);
        assert_eq!(peak_memory("VmPeak:\t  900 kB\nVmHWM:\t    2000 kB\n"), Some(2_048_000));
        assert_eq!(peak_memory("VmHWM:\t 2000\n"), None);
    }
}

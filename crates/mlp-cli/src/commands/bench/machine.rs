//! The machine that is measured: processor, cores, instruction sets; and the memory that measuring took.

use std::fs;
use std::num::NonZero;
use std::process::Command;
use std::thread;

use mlp_core::{Isa, MatmulBackend};
use serde::Serialize;

/// Processor, instruction sets, and what multiplies dense matrices.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Machine {
    /// The processor's name, or its architecture where the system does not tell.
    pub(super) cpu: String,
    /// The cores that this process may use.
    pub(super) cores: usize,
    /// The instruction sets that our kernels may choose from, the fastest first.
    pub(super) instructions: Vec<&'static str>,
    /// What multiplies dense matrices by default.
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

/// The processor's name on macOS.
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

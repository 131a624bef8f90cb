//! What the server counts, and how Prometheus reads it: its text format, version 0.0.4. Written by hand, because three counters and a histogram are
//! less than a library for them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mlp_train::Model;

/// The upper bounds of the histogram's buckets, in seconds; above the last there is one more.
const BOUNDS: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 20.0];

/// All counters.
#[derive(Debug)]
pub(super) struct Metrics {
    model: String, // the labels of `mlp_model_info`
    names: Vec<String>,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    requests: BTreeMap<(&'static str, u16), u64>, // by route and status
    seconds: BTreeMap<&'static str, Histogram>,   // by route
    predictions: Vec<u64>,                        // by class
    blank: u64,
    running: u64,
}

#[derive(Clone, Debug, Default)]
struct Histogram {
    buckets: [u64; BOUNDS.len() + 1], // each for itself; added up when they are written
    sum: f64,
}

/// A request that is being answered. One whose client goes away before that counts as running and as nothing else.
#[derive(Debug)]
pub(super) struct Running<'a>(&'a Metrics);

impl Metrics {
    pub(super) fn new(model: &Model) -> Self {
        let labels = format!(
            "dataset=\"{}\",network=\"{}\",version=\"{}\"",
            escape(&model.metadata.dataset),
            model.network.architecture(),
            env!("CARGO_PKG_VERSION")
        );
        let names = model.metadata.class_names.clone();
        let counts = Counts { predictions: vec![0; names.len()], ..Counts::default() };
        Self { model: labels, names, counts: Mutex::new(counts) }
    }

    /// A request begins.
    pub(super) fn begin(&self) -> Running<'_> {
        self.counts().running += 1;
        Running(self)
    }

    /// A request has been answered.
    pub(super) fn answered(&self, route: &'static str, status: u16, took: Duration) {
        let seconds = took.as_secs_f64();
        let bucket = BOUNDS.iter().position(|&bound| seconds <= bound).unwrap_or(BOUNDS.len());
        let mut counts = self.counts();
        *counts.requests.entry((route, status)).or_default() += 1;
        let histogram = counts.seconds.entry(route).or_default();
        histogram.buckets[bucket] += 1;
        histogram.sum += seconds;
    }

    /// A picture was taken for this class; `None` if there was nothing on it.
    pub(super) fn predicted(&self, class: Option<usize>) {
        let mut counts = self.counts();
        match class {
            Some(class) => counts.predictions[class] += 1,
            None => counts.blank += 1,
        }
    }

    /// Everything, for Prometheus.
    pub(super) fn text(&self) -> String {
        let counts = self.counts();
        let mut text = String::new();
        let mut family = |name: &str, kind: &str, help: &str, samples: &[(String, String)]| {
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
            for (labels, value) in samples {
                let _ = writeln!(text, "{name}{labels} {value}");
            }
        };
        let requests: Vec<_> = counts
            .requests
            .iter()
            .map(|((route, status), count)| {
                (format!("{{route=\"{route}\",status=\"{status}\"}}"), count.to_string())
            })
            .collect();
        family("mlp_http_requests_total", "counter", "Requests answered, by route and status.", &requests);
        let running = [(String::new(), counts.running.to_string())];
        family("mlp_http_requests_running", "gauge", "Requests that are being answered.", &running);
        let predictions: Vec<_> = self
            .names
            .iter()
            .zip(&counts.predictions)
            .enumerate()
            .map(|(class, (name, count))| {
                (format!("{{class=\"{class}\",name=\"{}\"}}", escape(name)), count.to_string())
            })
            .collect();
        family(
            "mlp_predictions_total",
            "counter",
            "Pictures, by the class they were taken for.",
            &predictions,
        );
        let blank = [(String::new(), counts.blank.to_string())];
        family("mlp_blank_pictures_total", "counter", "Pictures with nothing on them.", &blank);
        let model = [(format!("{{{}}}", self.model), "1".to_owned())];
        family("mlp_model_info", "gauge", "The model that is served.", &model);
        let name = "mlp_http_request_duration_seconds";
        family(name, "histogram", "From a request's head to its answer, by route.", &[]);
        for (route, histogram) in &counts.seconds {
            histogram.write(&mut text, name, route);
        }
        text
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Histogram {
    fn write(&self, text: &mut String, name: &str, route: &str) {
        let mut count = 0;
        let bounds = BOUNDS.iter().map(f64::to_string).chain(["+Inf".to_owned()]);
        for (bound, bucket) in bounds.zip(self.buckets) {
            count += bucket;
            let _ = writeln!(text, "{name}_bucket{{route=\"{route}\",le=\"{bound}\"}} {count}");
        }
        let _ = writeln!(text, "{name}_sum{{route=\"{route}\"}} {}", self.sum);
        let _ = writeln!(text, "{name}_count{{route=\"{route}\"}} {count}");
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.counts().running -= 1;
    }
}

/// A label's value between its quotes.
fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::tests::model;

    #[test]
    fn the_text_is_what_prometheus_reads() {
        let metrics = Metrics::new(&model(&[5], &["a \"b\"\\\n", "c"]));
        metrics.answered("/predict", 200, Duration::from_millis(2));
        metrics.answered("/predict", 200, Duration::from_secs(30));
        metrics.answered("/predict", 413, Duration::from_millis(1));
        metrics.predicted(Some(0));
        metrics.predicted(Some(0));
        metrics.predicted(None);
        let running = metrics.begin();
        let text = metrics.text();
        for line in [
            "# TYPE mlp_http_requests_total counter",
            "mlp_http_requests_total{route=\"/predict\",status=\"200\"} 2",
            "mlp_http_requests_total{route=\"/predict\",status=\"413\"} 1",
            "mlp_http_requests_running 1",
            "mlp_predictions_total{class=\"0\",name=\"a \\\"b\\\"\\\\\\n\"} 2",
            "mlp_predictions_total{class=\"1\",name=\"c\"} 0",
            "mlp_blank_pictures_total 1",
            "mlp_http_request_duration_seconds_bucket{route=\"/predict\",le=\"0.001\"} 1",
            "mlp_http_request_duration_seconds_bucket{route=\"/predict\",le=\"0.0025\"} 2",
            "mlp_http_request_duration_seconds_bucket{route=\"/predict\",le=\"20\"} 2",
            "mlp_http_request_duration_seconds_bucket{route=\"/predict\",le=\"+Inf\"} 3",
            "mlp_http_request_duration_seconds_sum{route=\"/predict\"} 30.003",
            "mlp_http_request_duration_seconds_count{route=\"/predict\"} 3",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        drop(running);
        assert!(metrics.text().contains("\nmlp_http_requests_running 0\n"));
    }
}

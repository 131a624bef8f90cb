//! Metrics in the Prometheus text format, version 0.0.4. The crate `prometheus-client` (seven more
//! dependencies) writes only OpenMetrics, which names counters differently, and would not save
//! code.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mlp_train::Model;

/// Upper bounds of the histogram buckets in seconds. The last bucket has none.
const BOUNDS: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 20.0];

/// The metrics of the server.
#[derive(Debug)]
pub(super) struct Metrics {
    model: String, // the labels of `mlp_model_info`
    class_names: Vec<String>,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    requests: BTreeMap<(String, u16), u64>, // by route and status
    seconds: BTreeMap<String, Histogram>,   // by route
    predictions: Vec<u64>,                  // by class
    blank: u64,
    running: u64,
}

#[derive(Clone, Debug, Default)]
struct Histogram {
    buckets: [u64; BOUNDS.len() + 1], // not cumulative
    sum: f64,
}

/// Counts a request as running until it is dropped, even if the client disconnects.
#[derive(Debug)]
pub(super) struct Running<'a>(&'a Metrics);

impl Metrics {
    pub(super) fn new(model: &Model) -> Self {
        let labels = format!(
            "dataset=\"{}\",network=\"{}\",version=\"{}\"",
            escaped(&model.metadata.dataset),
            model.network.architecture(),
            env!("CARGO_PKG_VERSION")
        );
        let class_names = model.metadata.class_names.clone();
        let counts = Counts { predictions: vec![0; class_names.len()], ..Counts::default() };
        Self { model: labels, class_names, counts: Mutex::new(counts) }
    }

    /// Counts a request as running until the result is dropped.
    pub(super) fn begin(&self) -> Running<'_> {
        self.counts().running += 1;
        Running(self)
    }

    /// Counts an answered request.
    pub(super) fn answered(&self, route: &str, status: u16, took: Duration) {
        let seconds = took.as_secs_f64();
        let bucket = BOUNDS.iter().position(|&bound| seconds <= bound).unwrap_or(BOUNDS.len());
        let mut counts = self.counts();
        *counts.requests.entry((route.to_owned(), status)).or_default() += 1;
        let histogram = counts.seconds.entry(route.to_owned()).or_default();
        histogram.buckets[bucket] += 1;
        histogram.sum += seconds;
    }

    /// Counts a prediction; `None` for an empty picture.
    pub(super) fn predicted(&self, class: Option<usize>) {
        let mut counts = self.counts();
        match class {
            Some(class) => counts.predictions[class] += 1,
            None => counts.blank += 1,
        }
    }

    /// Renders all metrics.
    pub(super) fn text(&self) -> String {
        let counts = self.counts();
        let requests = counts.requests.iter();
        let requests = requests
            .map(|((route, status), count)| format!("{{route=\"{route}\",status=\"{status}\"}} {count}"))
            .collect();
        let predictions = self.class_names.iter().zip(&counts.predictions).enumerate();
        let predictions = predictions
            .map(|(class, (name, n))| format!("{{class=\"{class}\",name=\"{}\"}} {n}", escaped(name)))
            .collect();
        let seconds = counts.seconds.iter().flat_map(|(route, times)| times.samples(route)).collect();
        let single = |count: u64| vec![format!(" {count}")];
        let model = vec![format!("{{{}}} 1", self.model)];
        let mut text = String::new();
        let mut family = |name: &str, kind: &str, help: &str, samples: Vec<String>| {
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
            for sample in samples {
                let _ = writeln!(text, "{name}{sample}");
            }
        };
        family("mlp_http_requests_total", "counter", "Completed requests by route and status.", requests);
        family("mlp_http_requests_running", "gauge", "Requests in progress.", single(counts.running));
        family("mlp_predictions_total", "counter", "Predictions by class.", predictions);
        family("mlp_blank_pictures_total", "counter", "Blank pictures.", single(counts.blank));
        family("mlp_model_info", "gauge", "The served model.", model);
        family("mlp_http_request_duration_seconds", "histogram", "Request duration by route.", seconds);
        text
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Histogram {
    /// Returns the cumulative buckets, the sum and the count, without the metric name.
    fn samples(&self, route: &str) -> Vec<String> {
        let mut count = 0;
        let bounds = BOUNDS.iter().map(f64::to_string).chain(["+Inf".to_owned()]);
        let mut samples: Vec<String> = bounds
            .zip(self.buckets)
            .map(|(bound, bucket)| {
                count += bucket;
                format!("_bucket{{route=\"{route}\",le=\"{bound}\"}} {count}")
            })
            .collect();
        samples.push(format!("_sum{{route=\"{route}\"}} {}", self.sum));
        samples.push(format!("_count{{route=\"{route}\"}} {count}"));
        samples
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.counts().running -= 1;
    }
}

/// Escapes the value of a label.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::tests::model;

    #[test]
    fn the_text_has_the_prometheus_format() {
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

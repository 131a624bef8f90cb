//! The page's files, compiled in: plain HTML, CSS and JavaScript in `assets/serve/`, as they are edited.

/// A file of the page.
#[derive(Debug)]
pub(super) struct Asset {
    pub(super) path: &'static str,
    pub(super) kind: &'static str,
    pub(super) content: &'static str,
}

const SCRIPT: &str = "text/javascript; charset=utf-8";

/// All of them.
pub(super) const ASSETS: &[Asset] = &[
    Asset {
        path: "/",
        kind: "text/html; charset=utf-8",
        content: include_str!("../../assets/serve/index.html"),
    },
    Asset {
        path: "/style.css",
        kind: "text/css; charset=utf-8",
        content: include_str!("../../assets/serve/style.css"),
    },
    Asset { path: "/main.js", kind: SCRIPT, content: include_str!("../../assets/serve/main.js") },
    Asset { path: "/sheet.js", kind: SCRIPT, content: include_str!("../../assets/serve/sheet.js") },
    Asset { path: "/answer.js", kind: SCRIPT, content: include_str!("../../assets/serve/answer.js") },
    Asset { path: "/hidden.js", kind: SCRIPT, content: include_str!("../../assets/serve/hidden.js") },
    Asset { path: "/icon.svg", kind: "image/svg+xml", content: include_str!("../../assets/serve/icon.svg") },
];

//! The compiled-in files: the drawing page, and the description of the API.

#[derive(Debug)]
pub(super) struct Asset {
    pub(super) path: &'static str,
    pub(super) media_type: &'static str,
    pub(super) content: &'static str,
}

const fn asset(path: &'static str, media_type: &'static str, content: &'static str) -> Asset {
    Asset { path, media_type, content }
}

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

pub(super) const ASSETS: &[Asset] = &[
    asset("/", HTML, include_str!("../../assets/serve/index.html")),
    asset("/style.css", CSS, include_str!("../../assets/serve/style.css")),
    asset("/main.js", SCRIPT, include_str!("../../assets/serve/main.js")),
    asset("/sheet.js", SCRIPT, include_str!("../../assets/serve/sheet.js")),
    asset("/answer.js", SCRIPT, include_str!("../../assets/serve/answer.js")),
    asset("/upload.js", SCRIPT, include_str!("../../assets/serve/upload.js")),
    asset("/hidden.js", SCRIPT, include_str!("../../assets/serve/hidden.js")),
    asset("/openapi.json", "application/json", include_str!("../../assets/serve/openapi.json")),
    asset("/icon.svg", "image/svg+xml", include_str!("../../assets/serve/icon.svg")),
];

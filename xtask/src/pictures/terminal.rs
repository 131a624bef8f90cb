//! Draws a terminal as an SVG. Knows the escape sequences that `mlp` uses: colors, bold, dim, and
//! clearing a line. Half blocks become rectangles, so that images look the same in every font.

use std::fmt::Write as _;

type Color = [u8; 3];

#[derive(Clone, Copy, Default, PartialEq)]
struct Style {
    foreground: Option<Color>,
    background: Option<Color>,
    bold: bool,
    dim: bool,
}

#[derive(Clone, Copy)]
struct Cell {
    symbol: char,
    style: Style,
}

/// What is on a terminal.
pub(super) struct Terminal {
    lines: Vec<Vec<Cell>>,
    column: usize,
    style: Style,
}

const WIDTH: f32 = 8.4; // of a cell, in units of the SVG; a pixel of a half block is then square
const HEIGHT: f32 = 17.0;
const MARGIN: f32 = 18.0;
const TITLE_BAR: f32 = 30.0;
const FRAME: Color = [0x16, 0x1b, 0x22];
const TEXT: Color = [0xe6, 0xed, 0xf3];
const DIM: Color = [0x9a, 0xa5, 0xb1];
const PROMPT: Color = [0x3f, 0xc7, 0x9a];
/// The 16 basic colors.
const BASIC: [Color; 16] = [
    [0x48, 0x4f, 0x58],
    [0xff, 0x7b, 0x72],
    [0x3f, 0xb9, 0x50],
    [0xd2, 0x99, 0x22],
    [0x58, 0xa6, 0xff],
    [0xbc, 0x8c, 0xff],
    [0x39, 0xc5, 0xcf],
    [0xb1, 0xba, 0xc4],
    [0x6e, 0x76, 0x81],
    [0xff, 0xa1, 0x98],
    [0x56, 0xd3, 0x64],
    [0xe3, 0xb3, 0x41],
    [0x79, 0xc0, 0xff],
    [0xd2, 0xa8, 0xff],
    [0x56, 0xd4, 0xdd],
    [0xff, 0xff, 0xff],
];

impl Terminal {
    pub(super) fn new() -> Self {
        Self { lines: vec![Vec::new()], column: 0, style: Style::default() }
    }

    /// Shows a command after a prompt, on a line of its own, below a blank line if it is not the
    /// first.
    pub(super) fn command(&mut self, command: &str) {
        if self.lines.len() > 1 {
            self.print("\n");
        }
        self.style = Style { foreground: Some(PROMPT), bold: true, ..Style::default() };
        self.print("$ ");
        self.style = Style { bold: true, ..Style::default() };
        self.print(command);
        self.style = Style::default();
        self.print("\n");
    }

    /// Shows what a program wrote.
    pub(super) fn print(&mut self, text: &str) {
        let mut rest = text.chars();
        while let Some(symbol) = rest.next() {
            match symbol {
                '\n' => {
                    self.lines.push(Vec::new());
                    self.column = 0;
                }
                '\r' => self.column = 0,
                '\x1b' => {
                    let mut parameters = String::new();
                    let end = rest.by_ref().skip_while(|c| *c == '[').find(|c| {
                        let is_end = c.is_ascii_alphabetic();
                        if !is_end {
                            parameters.push(*c);
                        }
                        is_end
                    });
                    self.control(end, &parameters);
                }
                _ => self.put(symbol),
            }
        }
    }

    fn put(&mut self, symbol: char) {
        let blank = Cell { symbol: ' ', style: Style::default() };
        let line = self.lines.last_mut().expect("there is a line");
        if line.len() <= self.column {
            line.resize(self.column + 1, blank);
        }
        line[self.column] = Cell { symbol, style: self.style };
        self.column += 1;
    }

    /// Obeys an escape sequence that ends with this letter.
    fn control(&mut self, end: Option<char>, parameters: &str) {
        match end {
            Some('K') => {
                let from = if parameters == "2" { 0 } else { self.column };
                self.lines.last_mut().expect("there is a line").truncate(from);
            }
            Some('m') => {
                let mut codes = parameters.split(';').map(|code| code.parse().unwrap_or(0));
                while let Some(code) = codes.next() {
                    self.select(code, &mut codes);
                }
            }
            _ => {}
        }
    }

    /// Changes the style as a code of SGR says; a color takes further codes.
    fn select(&mut self, code: u8, codes: &mut impl Iterator<Item = u8>) {
        let style = &mut self.style;
        match code {
            0 => *style = Style::default(),
            1 => style.bold = true,
            2 => style.dim = true,
            22 => (style.bold, style.dim) = (false, false),
            30..=37 => style.foreground = Some(BASIC[usize::from(code - 30)]),
            90..=97 => style.foreground = Some(BASIC[usize::from(code - 90 + 8)]),
            38 => style.foreground = color(codes),
            39 => style.foreground = None,
            48 => style.background = color(codes),
            49 => style.background = None,
            _ => {}
        }
    }

    /// The terminal in a dark frame, which looks right on light and dark pages.
    pub(super) fn svg(&self) -> String {
        let used = self.lines.iter().rposition(|line| !line.is_empty()).map_or(0, |last| last + 1);
        let lines = &self.lines[..used];
        let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
        let width = 2.0 * MARGIN + columns as f32 * WIDTH;
        let height = TITLE_BAR + lines.len() as f32 * HEIGHT + MARGIN;
        let mut svg = format!(
            "<svg xmlns='http://www.w3.org/2000/svg' role='img' width='{width:.0}' height='{height:.0}' \
             viewBox='0 0 {width:.0} {height:.0}' font-size='14' \
             font-family=\"ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace\">\n\
             <title>A terminal with a run of mlp</title>\n\
             <rect x='0.5' y='0.5' width='{:.0}' height='{:.0}' rx='8' fill='{}' stroke='#3d444d'/>\n",
            width - 1.0,
            height - 1.0,
            hex(FRAME)
        );
        for (place, fill) in ["#ff5f57", "#febc2e", "#28c840"].iter().enumerate() {
            let x = MARGIN + 2.0 + 18.0 * place as f32;
            let _ = writeln!(svg, "<circle cx='{x}' cy='15' r='5.5' fill='{fill}'/>");
        }
        for (row, line) in lines.iter().enumerate() {
            draw_line(&mut svg, line, TITLE_BAR + row as f32 * HEIGHT);
        }
        svg.push_str("</svg>\n");
        svg
    }
}

/// Draws a line of cells, each run of equal style at once.
fn draw_line(svg: &mut String, line: &[Cell], top: f32) {
    let mut column = 0;
    let runs = line.chunk_by(|a, b| a.style == b.style && (a.symbol == '▀') == (b.symbol == '▀'));
    for run in runs {
        let Cell { symbol, style } = run[0];
        let (x, width) = (MARGIN + column as f32 * WIDTH, run.len() as f32 * WIDTH);
        column += run.len();
        let mut rectangle = |y: f32, height: f32, fill: Color| {
            let fill = hex(fill);
            let shape = format!("<rect x='{x:.1}' y='{y:.1}' width='{width:.1}' height='{height:.1}'");
            // Without antialiasing no lines show between neighbors.
            let _ = writeln!(svg, "{shape} fill='{fill}' shape-rendering='crispEdges'/>");
        };
        if let Some(background) = style.background {
            rectangle(top, HEIGHT, background);
        }
        let foreground = style.foreground.unwrap_or(if style.dim { DIM } else { TEXT });
        if symbol == '▀' {
            rectangle(top, HEIGHT / 2.0, foreground);
            continue;
        }
        let text: String = run.iter().map(|cell| cell.symbol).collect();
        if text.trim().is_empty() {
            continue;
        }
        let weight = if style.bold { " font-weight='bold'" } else { "" };
        let escaped = text.replace('&', "&amp;").replace('<', "&lt;");
        // The length keeps columns in place, whatever the font.
        let _ = writeln!(
            svg,
            "<text x='{x:.1}' y='{:.1}' textLength='{width:.1}' lengthAdjust='spacingAndGlyphs' \
             xml:space='preserve' fill='{}'{weight}>{escaped}</text>",
            top + 13.0,
            hex(foreground)
        );
    }
}

/// The color that follows code 38 or 48: one of 256, or red, green and blue.
fn color(codes: &mut impl Iterator<Item = u8>) -> Option<Color> {
    let mut next = || codes.next();
    match next()? {
        2 => Some([next()?, next()?, next()?]),
        5 => Some(match next()? {
            basic @ 0..=15 => BASIC[usize::from(basic)],
            cube @ 16..=231 => {
                let level = |step: u8| if step == 0 { 0 } else { 55 + 40 * step };
                let cube = cube - 16;
                [level(cube / 36), level(cube / 6 % 6), level(cube % 6)]
            }
            gray => [8 + 10 * (gray - 232); 3],
        }),
        _ => None,
    }
}

fn hex([red, green, blue]: Color) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(terminal: &Terminal) -> Vec<String> {
        terminal.lines.iter().map(|line| line.iter().map(|cell| cell.symbol).collect()).collect()
    }

    #[test]
    fn a_progress_bar_that_was_cleared_is_not_shown() {
        let mut terminal = Terminal::new();
        terminal.command("mlp train");
        terminal.print("epoch 1/4  ░░░\r\x1b[2K  1/4  0.3\r\nepoch 2/4  █\r\x1b[2Ktest");
        assert_eq!(text(&terminal), ["$ mlp train", "  1/4  0.3", "test"]);
    }

    #[test]
    fn styles_colors_and_half_blocks_are_drawn() {
        let mut terminal = Terminal::new();
        terminal.print("\x1b[1m<b>\x1b[0m \x1b[2mdim\x1b[0m\n\x1b[38;5;231m\x1b[48;2;1;2;3m▀▀\x1b[0m");
        let svg = terminal.svg();
        assert!(svg.contains("font-weight='bold'>&lt;b></text>"), "{svg}");
        assert!(svg.contains(&format!("fill='{}'>dim</text>", hex(DIM))), "{svg}");
        assert!(svg.contains("fill='#ffffff'") && svg.contains("fill='#010203'"), "{svg}");
        assert!(!svg.contains('▀'), "{svg}");
    }

    #[test]
    fn the_256_colors_are_those_of_xterm() {
        let of = |code| color(&mut [5, code].into_iter()).map(hex);
        assert_eq!(of(16).as_deref(), Some("#000000"));
        assert_eq!(of(231).as_deref(), Some("#ffffff"));
        assert_eq!(of(208).as_deref(), Some("#ff8700"));
        assert_eq!(of(244).as_deref(), Some("#808080"));
    }
}

//! Turns what indicatif wants drawn into one write that a resized terminal does not garble.
//!
//! indicatif fills each line with spaces up to the margin and lets the terminal wrap, so that a
//! terminal which is resized joins the lines again. Here every line ends in an erasure and a line
//! break, and the way back to the first line is computed for the width of now.
//!
//! **Invariant:** the cursor rests at the end of the last line drawn.

use indicatif::TermLike;
use std::fmt::{self, Write as _};
use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard};

/// A terminal to draw on.
pub(in crate::observe) struct Canvas {
    size: fn() -> (u16, u16),
    state: Mutex<CanvasState>,
}

struct CanvasState {
    out: Box<dyn Write + Send>,
    /// Columns of each line of the last drawing.
    drawn: Vec<usize>,
    /// Lines of the drawing that is being made.
    lines: Vec<String>,
    /// How many of the last lines of the last drawing move; known once this drawing has begun.
    moving: Option<usize>,
}

impl Canvas {
    /// A canvas of a terminal whose rows and columns `size` tells.
    pub(in crate::observe) fn new(out: Box<dyn Write + Send>, size: fn() -> (u16, u16)) -> Self {
        let state = CanvasState { out, drawn: Vec::new(), lines: Vec::new(), moving: None };
        Self { size, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, CanvasState> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl fmt::Debug for Canvas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Canvas").finish_non_exhaustive()
    }
}

impl CanvasState {
    /// Rows that the moving lines of the last drawing take on a terminal of this width in columns.
    fn rows(&self, width: usize) -> usize {
        let moving = self.moving.unwrap_or(0).min(self.drawn.len());
        let lines = &self.drawn[self.drawn.len() - moving..];
        lines.iter().map(|columns| columns.div_ceil(width.max(1)).max(1)).sum()
    }
}

impl TermLike for Canvas {
    fn width(&self) -> u16 {
        (self.size)().1
    }

    fn height(&self) -> u16 {
        (self.size)().0
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.state().moving.get_or_insert(n + 1);
        Ok(())
    }

    fn move_cursor_down(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_right(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_left(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        Ok(())
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.state().lines.push(text.to_owned());
        Ok(())
    }

    /// A line, or the spaces behind it, which are left out.
    fn write_str(&self, text: &str) -> io::Result<()> {
        if text.chars().any(|c| c != ' ' && c != '\r') {
            self.state().lines.push(text.to_owned());
        }
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        let width = usize::from(self.width());
        let mut state = self.state();
        let up = state.rows(width).saturating_sub(1);
        let mut frame = String::from("\r");
        if up > 0 {
            let _ = write!(frame, "\x1b[{up}A");
        }
        for (place, line) in state.lines.iter().enumerate() {
            frame.push_str(if place > 0 { "\r\n" } else { "" });
            frame.push_str(line);
            frame.push_str("\x1b[K");
        }
        frame.push_str("\x1b[J");
        state.drawn = state.lines.iter().map(|line| columns(line)).collect();
        state.lines.clear();
        state.moving = None;
        state.out.write_all(frame.as_bytes())?;
        state.out.flush()
    }
}

/// Columns of a line without its colours.
fn columns(line: &str) -> usize {
    let plain: Vec<u8> = anstream::adapter::strip_bytes(line.as_bytes()).into_vec();
    console::measure_text_width(&String::from_utf8_lossy(&plain))
}

//! Lines that move at the foot of a terminal, and above them lines that stay.

use super::canvas::Canvas;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The moving lines, and above them the lines that stay.
pub(in crate::observe) struct Terminal {
    area: MultiProgress,
    bar: ProgressBar,
}

impl Terminal {
    pub(in crate::observe) fn new(canvas: Canvas) -> Self {
        let target = ProgressDrawTarget::term_like_with_hz(Box::new(canvas), 20);
        let area = MultiProgress::with_draw_target(target);
        let bar = area.add(ProgressBar::new_spinner().with_style(style()));
        Self { area, bar }
    }

    pub(in crate::observe) fn write(&mut self, lines: &[String], frame: Option<String>) {
        if let Some(frame) = frame {
            self.bar.set_message(frame);
        }
        if !lines.is_empty() {
            // A closed terminal shows nothing; the run does not depend on it.
            let _ = self.area.println(lines.join(
                "
",
            ));
        }
    }

    /// Takes the moving lines away.
    pub(in crate::observe) fn finish(self) {
        self.bar.finish_and_clear();
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner())
}

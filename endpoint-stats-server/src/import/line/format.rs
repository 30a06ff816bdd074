//! [`LineFormat`]: how the lines of a log are written.

use std::str::FromStr;
use std::sync::Arc;

use super::custom::Piece;
use crate::import::ImportError;

/// How the lines of a log are written.
///
/// Read from text: `combined`, `common`, or a format in the words of Apache's `LogFormat`:
///
/// | directive | what |
/// |---|---|
/// | `%h`, `%a` | the caller |
/// | `%t` | the time, `[17/May/2015:10:05:03 +0000]` |
/// | `%r`, or `%m` and `%U` | the request; `%q` behind `%U` is dropped |
/// | `%s`, `%>s` | the status |
/// | `%b`, `%B`, `%O` | bytes of the response; `%b` is taken where a format has both |
/// | `%I` | bytes of the request |
/// | `%D` | the duration in microseconds |
/// | `%T`, `%{ms}T`, `%{us}T` | the duration in seconds (a fraction is read too, as in nginx' `$request_time`), milliseconds, microseconds |
/// | `%l`, `%u`, `%v`, `%q`, `%{Header}i` | read over |
/// | `%%` | a percent sign |
///
/// ```
/// use endpoint_stats_server::import::LineFormat;
///
/// assert!(r#"%h %l %u %t "%r" %>s %b %D"#.parse::<LineFormat>().is_ok());
/// assert_eq!(
///     r#"%h %t "%r" %>s %X"#.parse::<LineFormat>().unwrap_err().to_string(),
///     "failed to read the line format: unsupported directive %X, supported are \
///      %h %a %l %u %t %r %m %U %q %s %>s %b %B %O %I %D %T %{ms}T %{us}T %v %{Header}i %%"
/// );
/// ```
#[derive(Clone, Debug)]
pub struct LineFormat(Shape);

#[derive(Clone, Debug)]
pub(super) enum Shape {
    Combined,
    Custom(Arc<[Piece]>),
}

impl LineFormat {
    /// Apache's combined format, which reads the common one too.
    pub fn combined() -> Self {
        Self(Shape::Combined)
    }

    #[inline]
    pub(super) fn shape(&self) -> &Shape {
        &self.0
    }
}

impl Default for LineFormat {
    fn default() -> Self {
        Self::combined()
    }
}

impl FromStr for LineFormat {
    type Err = ImportError;

    fn from_str(text: &str) -> Result<Self, ImportError> {
        match text {
            "combined" | "common" => Ok(Self::combined()),
            custom => super::custom::compile(custom).map(|pieces| Self(Shape::Custom(pieces.into()))),
        }
    }
}

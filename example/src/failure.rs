//! What can go wrong in a request, and the status each failure is answered
//! with: the status is what the monitor tells the failures apart by.

use std::error::Error;
use std::{fmt, io};

use actix_web::error::BlockingError;
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;

#[derive(Debug)]
pub(crate) enum Failure {
    NoSuchNote(i64),
    EmptyNote,
    Database(rusqlite::Error),
    Quotes(String),
    Switch(io::Error),
    Unfinished(BlockingError),
    OnPurpose,
}

#[derive(Serialize)]
struct Body {
    error: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchNote(id) => write!(f, "there is no note {id}"),
            Self::EmptyNote => f.write_str("a note needs a text"),
            // Its own words name the file, which is nobody's business outside.
            Self::Database(_) => f.write_str("the database does not answer"),
            Self::Quotes(reason) => write!(f, "the quotes do not answer: {reason}"),
            Self::Switch(_) => f.write_str("the dependency could not be switched"),
            Self::Unfinished(_) => f.write_str("the work was not finished"),
            Self::OnPurpose => f.write_str("this route always fails"),
        }
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Database(error) => Some(error),
            Self::Switch(error) => Some(error),
            Self::Unfinished(error) => Some(error),
            Self::NoSuchNote(_) | Self::EmptyNote | Self::Quotes(_) | Self::OnPurpose => None,
        }
    }
}

impl ResponseError for Failure {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::NoSuchNote(_) => StatusCode::NOT_FOUND,
            Self::EmptyNote => StatusCode::BAD_REQUEST,
            Self::Database(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Quotes(_) => StatusCode::BAD_GATEWAY,
            Self::Switch(_) | Self::Unfinished(_) | Self::OnPurpose => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        }
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::build(self.status_code()).json(Body { error: self.to_string() })
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

impl From<BlockingError> for Failure {
    fn from(error: BlockingError) -> Self {
        Self::Unfinished(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Switch(error)
    }
}

//! The errors of the service, each with the status of its response. The monitor
//! records the status.

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
    Cancelled(BlockingError),
    OnPurpose,
}

#[derive(Serialize)]
struct Body {
    error: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchNote(id) => write!(f, "note {id} does not exist"),
            Self::EmptyNote => f.write_str("the text of a note must not be empty"),
            // SQLite's message contains the path of the file.
            Self::Database(_) => f.write_str("the database is not available"),
            Self::Quotes(reason) => write!(f, "the quotes are not available: {reason}"),
            Self::Switch(_) => f.write_str("the dependency could not be switched"),
            Self::Cancelled(_) => f.write_str("the operation was cancelled"),
            Self::OnPurpose => f.write_str("this route always fails"),
        }
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Database(error) => Some(error),
            Self::Switch(error) => Some(error),
            Self::Cancelled(error) => Some(error),
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
            Self::Switch(_) | Self::Cancelled(_) | Self::OnPurpose => {
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
        Self::Cancelled(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Switch(error)
    }
}

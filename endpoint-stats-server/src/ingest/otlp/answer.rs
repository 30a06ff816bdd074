//! [`Exported`]: the answer to an OTLP request in JSON.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
use serde::Serialize;
use utoipa::ToSchema;

/// What became of an OTLP request, as OTLP has it in JSON: 64-bit numbers are text, and what is not there is left out.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Exported {
    /// What was not counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline, nullable = false)]
    partial_success: Option<PartialSuccess>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct PartialSuccess {
    /// How many points.
    #[schema(pattern = "^[0-9]+$")]
    rejected_data_points: String,
    /// Why.
    error_message: String,
}

impl From<&ExportMetricsServiceResponse> for Exported {
    fn from(answer: &ExportMetricsServiceResponse) -> Self {
        let partial_success = answer.partial_success.as_ref().map(|partial| PartialSuccess {
            rejected_data_points: partial.rejected_data_points.to_string(),
            error_message: partial.error_message.clone(),
        });
        Self { partial_success }
    }
}

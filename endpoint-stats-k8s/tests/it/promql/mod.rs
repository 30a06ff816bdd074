//! Queries of Prometheus, in rules and dashboards: what they name exists.

mod expression;
mod metrics;

pub(crate) use self::expression::Expression;

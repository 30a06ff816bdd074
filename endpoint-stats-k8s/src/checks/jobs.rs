//! Jobs: they end, they do not overlap, and what is left of them is bounded.

use serde_json::Value;

use crate::{Finding, Object, Pod, Rendered};

pub(super) fn check(rendered: &Rendered) -> Vec<Finding> {
    let jobs = rendered.of_kind("Job").flat_map(|job| [of_job(job, ""), changing(job)].concat());
    let cron_jobs =
        rendered.of_kind("CronJob").flat_map(|job| [of_job(job, "/spec/jobTemplate"), of_cron_job(job)].concat());
    jobs.chain(cron_jobs).collect()
}

fn of_job(job: &Object, path: &str) -> Vec<Finding> {
    let at = |field: &str| job.at(&format!("{path}/spec/{field}"));
    let missing = ["backoffLimit", "activeDeadlineSeconds"].into_iter().filter(|field| !at(field).is_u64());
    let missing = missing.map(|field| job.finding(field, "a number", at(field)));
    let restart = at("template/spec/restartPolicy");
    let restart = (restart != "Never").then(|| job.finding("restartPolicy", "Never", restart));
    let ttl = at("ttlSecondsAfterFinished");
    let ttl = (!ttl.is_null()).then(|| {
        job.finding("ttlSecondsAfterFinished", "nothing: history is the CronJob's, and a bare Job must stay", ttl)
    });
    missing.chain(restart).chain(ttl).collect()
}

/// A Job cannot be changed: with what a generator names, the next apply would be refused.
fn changing(job: &Object) -> Vec<Finding> {
    let volumes = Pod::of(job).map_or_else(Vec::new, |pod| pod.volumes());
    let settings = volumes.into_iter().filter(|volume| volume["configMap"].is_object());
    settings
        .map(|volume| job.finding("volumes", "no ConfigMap, whose name changes", &volume["configMap"]["name"]))
        .collect()
}

fn of_cron_job(job: &Object) -> Vec<Finding> {
    let is_positive = |value: &Value| value.as_u64().is_some_and(|number| number > 0);
    let numbers = ["startingDeadlineSeconds", "successfulJobsHistoryLimit", "failedJobsHistoryLimit"];
    let missing = numbers.into_iter().filter(|field| !is_positive(job.at(&format!("/spec/{field}"))));
    let missing =
        missing.map(|field| job.finding(format!("spec.{field}"), "a number", job.at(&format!("/spec/{field}"))));
    let concurrency = job.at("/spec/concurrencyPolicy");
    let overlap = (concurrency != "Forbid").then(|| job.finding("spec.concurrencyPolicy", "Forbid", concurrency));
    let fields = job.text("/spec/schedule").split_whitespace().count();
    let schedule = (fields != 5).then(|| job.finding("spec.schedule", "five fields", job.at("/spec/schedule")));
    let zone = job.at("/spec/timeZone").is_null().then(|| job.finding("spec.timeZone", "a time zone", "none"));
    missing.chain(overlap).chain(schedule).chain(zone).collect()
}

//! The pages as people see them: in a headless Chromium, over a real store.

mod accessibility;
mod chromium;
mod embedded;
mod pages;
mod pictures;
mod seed;
mod three_services;

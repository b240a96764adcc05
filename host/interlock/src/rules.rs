//! The rules, as data: hazard, source, time limit and the test that shows each.

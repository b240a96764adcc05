//! Words that the test guests share.

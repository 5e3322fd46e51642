//! The client over real sockets: what is sent, and what each answer becomes.

mod calls;
mod harness;
mod inventory;
mod lost_answers;

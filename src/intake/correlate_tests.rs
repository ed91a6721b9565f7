//! Every rule of routing, and what must hold whatever is delivered in whatever order.

//! Inside a replica: loads the model and answers scoring calls

//! What is remembered: SQL, migrations, transactions, sealed fields, blobs

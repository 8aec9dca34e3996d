//! How the world spells them: Azure's request and response shapes

-- The versions of endpoints are terms, too: the SDK asks for the logs of one under its
-- own name.
INSERT OR IGNORE INTO endpoint_terms (endpoint, kind, term, value, workspace, name)
SELECT endpoints.id, 'version', json_extract(deployment.value, '$.name'), '',
    endpoints.workspace, endpoints.name
FROM endpoints, json_each(endpoints.spec, '$.deployments') AS deployment
WHERE json_extract(endpoints.spec, '$.is_versioned') = 1;

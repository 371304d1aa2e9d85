CREATE TABLE instance (
	number BIGINT NOT NULL, 
	token VARCHAR NOT NULL, 
	PRIMARY KEY (number)
);
CREATE TABLE versions (
	name VARCHAR NOT NULL, 
	version VARCHAR NOT NULL, 
	rank VARCHAR NOT NULL, 
	type VARCHAR NOT NULL, 
	description VARCHAR NOT NULL, 
	private BOOLEAN NOT NULL, 
	trainable BOOLEAN NOT NULL, 
	num_params BIGINT NOT NULL, 
	license VARCHAR, 
	state VARCHAR NOT NULL, 
	configuration JSON NOT NULL, 
	metainfo JSON NOT NULL, 
	files JSON NOT NULL, 
	packages JSON NOT NULL, 
	sources JSON NOT NULL, 
	provenance JSON NOT NULL, 
	generation BIGINT NOT NULL, 
	etag VARCHAR NOT NULL, 
	created VARCHAR NOT NULL, 
	updated VARCHAR NOT NULL, 
	PRIMARY KEY (name, version)
);
CREATE INDEX versions_by_order ON versions (name, rank);
CREATE INDEX versions_by_generation ON versions (generation);
CREATE TABLE facets (
	name VARCHAR NOT NULL, 
	version VARCHAR NOT NULL, 
	kind VARCHAR NOT NULL, 
	value VARCHAR NOT NULL, 
	PRIMARY KEY (name, version, kind, value), 
	FOREIGN KEY(name, version) REFERENCES versions (name, version)
);
CREATE INDEX facets_by_value ON facets (kind, value);
CREATE TABLE passwords (
	name VARCHAR NOT NULL, 
	version VARCHAR NOT NULL, 
	environment VARCHAR NOT NULL, 
	password VARCHAR NOT NULL, 
	PRIMARY KEY (name, version, environment), 
	FOREIGN KEY(name, version) REFERENCES versions (name, version)
);

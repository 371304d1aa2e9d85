"""The reviewer's page, story by story."""

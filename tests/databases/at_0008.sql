-- A database as schema 0008 held it: every kind of event, two models, the trash, near
-- copies, an export and a purge. Never changed: later migrations must open it.
BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0008');
CREATE TABLE exports (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	created VARCHAR(32) NOT NULL, 
	who TEXT NOT NULL, 
	selection TEXT NOT NULL, 
	pictures INTEGER NOT NULL, 
	newest_review INTEGER NOT NULL, 
	newest_prediction INTEGER NOT NULL
);
INSERT INTO "exports" VALUES(1,'2026-12-01T10:00:30.000+00:00','','{}',6,17,10);
CREATE TABLE image_blobs (
	image_id INTEGER NOT NULL, 
	data BLOB NOT NULL, 
	thumbnail BLOB NOT NULL, 
	PRIMARY KEY (image_id), 
	FOREIGN KEY(image_id) REFERENCES images (id) ON DELETE CASCADE
);
INSERT INTO "image_blobs" VALUES(1,X'706963747572652033',X'736D616C6C');
INSERT INTO "image_blobs" VALUES(2,X'706963747572652034',X'736D616C6C');
INSERT INTO "image_blobs" VALUES(4,X'706963747572652036',X'736D616C6C');
INSERT INTO "image_blobs" VALUES(5,X'706963747572652037',X'736D616C6C');
INSERT INTO "image_blobs" VALUES(6,X'706963747572652038',X'736D616C6C');
INSERT INTO "image_blobs" VALUES(7,X'706963747572652039',X'736D616C6C');
INSERT INTO "image_blobs" VALUES(8,X'70696374757265203130',X'736D616C6C');
INSERT INTO "image_blobs" VALUES(9,X'70696374757265203131',X'736D616C6C');
CREATE TABLE images (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	sha256 VARCHAR(64) NOT NULL, 
	format VARCHAR(8) NOT NULL, 
	width INTEGER NOT NULL, 
	height INTEGER NOT NULL, 
	created VARCHAR(32) NOT NULL, near_key VARCHAR(64), 
	UNIQUE (sha256)
);
INSERT INTO "images" VALUES(1,'847afbbaf422d2eb96c14579268ca37fe2ae83744eddc31ead995f0dd3d00974','PNG',4,3,'2026-12-01T10:00:01.000+00:00','847afbbaf422d2eb96c14579268ca37fe2ae83744eddc31ead995f0dd3d00974');
INSERT INTO "images" VALUES(2,'d467a289c3ad342189286a29fecf76b31bb12fee78ad1225f830663e0096a299','PNG',4,3,'2026-12-01T10:00:03.000+00:00','d467a289c3ad342189286a29fecf76b31bb12fee78ad1225f830663e0096a299');
INSERT INTO "images" VALUES(4,'52c0ec467cd0da5dd13bc4a097e9d404906fc19fff8a0418d070c3acfde5ce10','PNG',4,3,'2026-12-01T10:00:07.000+00:00','52c0ec467cd0da5dd13bc4a097e9d404906fc19fff8a0418d070c3acfde5ce10');
INSERT INTO "images" VALUES(5,'3c6919b670b4abbd5f01da94c7ac0bfe6b9094b9894492befc807375290ac595','PNG',4,3,'2026-12-01T10:00:09.000+00:00','847afbbaf422d2eb96c14579268ca37fe2ae83744eddc31ead995f0dd3d00974');
INSERT INTO "images" VALUES(6,'063e36c7249760b0bbb742ef7ae54885948d45b43240800870dda84a56d9ce57','PNG',4,3,'2026-12-01T10:00:11.000+00:00','063e36c7249760b0bbb742ef7ae54885948d45b43240800870dda84a56d9ce57');
INSERT INTO "images" VALUES(7,'20782ca029a3066251c96f4e1ec52cc879a63b14373903390c679e5b750efa3d','PNG',4,3,'2026-12-01T10:00:13.000+00:00','20782ca029a3066251c96f4e1ec52cc879a63b14373903390c679e5b750efa3d');
INSERT INTO "images" VALUES(8,'905aeede01b30fca0d05cf7d6b091e5ff618c22352bb0cb67db9e560ed7549df','PNG',4,3,'2026-12-01T10:00:15.000+00:00','905aeede01b30fca0d05cf7d6b091e5ff618c22352bb0cb67db9e560ed7549df');
INSERT INTO "images" VALUES(9,'e6148d4a7954447a4f87a488b0dfaa4493af2ec3fce493b4db5d836790f53156','PNG',4,3,'2026-12-01T10:00:17.000+00:00','e6148d4a7954447a4f87a488b0dfaa4493af2ec3fce493b4db5d836790f53156');
CREATE TABLE last_change (
	id INTEGER NOT NULL, 
	operation VARCHAR(32) NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "last_change" VALUES(1,'0000000000000000000000000000000b');
CREATE TABLE near_bands (
	band INTEGER NOT NULL, 
	image_id INTEGER NOT NULL, 
	dhash BIGINT NOT NULL, 
	PRIMARY KEY (band, image_id), 
	FOREIGN KEY(image_id) REFERENCES images (id) ON DELETE CASCADE
)
 WITHOUT ROWID

;
INSERT INTO "near_bands" VALUES(43690,1,-7911603569390985488);
INSERT INTO "near_bands" VALUES(43691,5,-7911603569390985487);
INSERT INTO "near_bands" VALUES(91750,1,-7911603569390985488);
INSERT INTO "near_bands" VALUES(91750,5,-7911603569390985487);
INSERT INTO "near_bands" VALUES(138782,1,-7911603569390985488);
INSERT INTO "near_bands" VALUES(138782,5,-7911603569390985487);
INSERT INTO "near_bands" VALUES(197118,1,-7911603569390985488);
INSERT INTO "near_bands" VALUES(197118,5,-7911603569390985487);
CREATE TABLE predictions (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	image_id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	source TEXT NOT NULL, 
	model_version VARCHAR(64) NOT NULL, 
	label VARCHAR(64) NOT NULL, 
	confidence FLOAT NOT NULL, 
	probabilities TEXT NOT NULL, 
	scope_score FLOAT, 
	created VARCHAR(32) NOT NULL, 
	FOREIGN KEY(image_id) REFERENCES images (id) ON DELETE CASCADE
);
INSERT INTO "predictions" VALUES(1,1,'3.png','','first','cat',0.53,'[0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]',0.4,'2026-12-01T10:00:02.000+00:00');
INSERT INTO "predictions" VALUES(2,2,'4.png','','first','deer',0.54,'[0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0]',0.3,'2026-12-01T10:00:04.000+00:00');
INSERT INTO "predictions" VALUES(4,4,'6.png','','first','frog',0.56,'[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]',0.2,'2026-12-01T10:00:08.000+00:00');
INSERT INTO "predictions" VALUES(5,5,'7.png','','first','horse',5.70000000000000062172e-01,'[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0]',NULL,'2026-12-01T10:00:10.000+00:00');
INSERT INTO "predictions" VALUES(6,6,'8.png','','first','ship',0.58,'[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0]',NULL,'2026-12-01T10:00:12.000+00:00');
INSERT INTO "predictions" VALUES(7,7,'9.png','','first','truck',0.59,'[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]',-0.3,'2026-12-01T10:00:14.000+00:00');
INSERT INTO "predictions" VALUES(8,8,'10.png','','first','airplane',0.6,'[1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]',NULL,'2026-12-01T10:00:16.000+00:00');
INSERT INTO "predictions" VALUES(9,9,'11.png','','first','automobile',0.61,'[0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]',NULL,'2026-12-01T10:00:18.000+00:00');
INSERT INTO "predictions" VALUES(10,5,'7.png','','second','frog',5.70000000000000062172e-01,'[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0]',NULL,'2026-12-01T10:00:20.000+00:00');
CREATE TABLE purges (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	created VARCHAR(32) NOT NULL, 
	who TEXT NOT NULL, 
	pictures INTEGER NOT NULL
);
INSERT INTO "purges" VALUES(1,'2026-12-01T10:00:29.000+00:00','Ada',1);
CREATE TABLE reviews (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	prediction_id INTEGER NOT NULL, 
	event VARCHAR(16) NOT NULL, 
	label VARCHAR(64), 
	who TEXT NOT NULL, 
	created VARCHAR(32) NOT NULL, operation VARCHAR(32), undoes INTEGER, 
	FOREIGN KEY(prediction_id) REFERENCES predictions (id) ON DELETE CASCADE
);
INSERT INTO "reviews" VALUES(1,1,'confirmed','cat','Ada','2026-12-01T10:00:00.000+00:00','00000000000000000000000000000001',NULL);
INSERT INTO "reviews" VALUES(2,2,'corrected','dog','Ada','2026-12-01T10:00:00.000+00:00','00000000000000000000000000000001',NULL);
INSERT INTO "reviews" VALUES(4,4,'corrected','raft','Ada','2026-12-01T10:00:00.000+00:00','00000000000000000000000000000001',NULL);
INSERT INTO "reviews" VALUES(5,6,'confirmed','ship','Ada','2026-12-01T10:00:00.000+00:00','00000000000000000000000000000001',NULL);
INSERT INTO "reviews" VALUES(6,7,'confirmed','truck','Ada','2026-12-01T10:00:00.000+00:00','00000000000000000000000000000001',NULL);
INSERT INTO "reviews" VALUES(7,9,'confirmed','automobile','Ada','2026-12-01T10:00:00.000+00:00','00000000000000000000000000000001',NULL);
INSERT INTO "reviews" VALUES(8,10,'confirmed','frog','Ben','2026-12-01T10:00:19.000+00:00','00000000000000000000000000000002',NULL);
INSERT INTO "reviews" VALUES(9,2,'confirmed','deer','Ben','2026-12-01T10:00:21.000+00:00','00000000000000000000000000000003',NULL);
INSERT INTO "reviews" VALUES(10,2,'undone','dog','Ben','2026-12-01T10:00:22.000+00:00','00000000000000000000000000000004',9);
INSERT INTO "reviews" VALUES(11,6,'corrected','house boat','Cid','2026-12-01T10:00:23.000+00:00','00000000000000000000000000000005',NULL);
INSERT INTO "reviews" VALUES(12,6,'corrected','truck','Cid','2026-12-01T10:00:24.000+00:00','00000000000000000000000000000006',NULL);
INSERT INTO "reviews" VALUES(14,4,'renamed','dinghy','Ada','2026-12-01T10:00:25.000+00:00','00000000000000000000000000000007',NULL);
INSERT INTO "reviews" VALUES(15,8,'deleted',NULL,'Ada','2026-12-01T10:00:26.000+00:00','00000000000000000000000000000008',NULL);
INSERT INTO "reviews" VALUES(16,9,'deleted','automobile','Ada','2026-12-01T10:00:26.000+00:00','00000000000000000000000000000008',NULL);
INSERT INTO "reviews" VALUES(17,8,'restored',NULL,'Ben','2026-12-01T10:00:27.000+00:00','00000000000000000000000000000009',NULL);
CREATE TABLE state (
	image_id INTEGER NOT NULL, 
	prediction_id INTEGER NOT NULL, 
	predicted VARCHAR(64) NOT NULL, 
	confidence FLOAT NOT NULL, 
	name TEXT NOT NULL, 
	label VARCHAR(64), 
	correct BOOLEAN, 
	custom BOOLEAN NOT NULL, 
	deleted BOOLEAN NOT NULL, 
	reviewed_at VARCHAR(32), 
	search TEXT NOT NULL, in_scope BOOLEAN, near_copy BOOLEAN DEFAULT 0 NOT NULL, 
	PRIMARY KEY (image_id), 
	FOREIGN KEY(image_id) REFERENCES images (id) ON DELETE CASCADE, 
	FOREIGN KEY(prediction_id) REFERENCES predictions (id)
);
INSERT INTO "state" VALUES(1,1,'cat',0.53,'3.png','cat',1,0,0,'2026-12-01T10:00:00.000+00:00','3.png

cat
cat',1,0);
INSERT INTO "state" VALUES(2,2,'deer',0.54,'4.png','dog',0,0,0,'2026-12-01T10:00:00.000+00:00','4.png

deer
dog',1,0);
INSERT INTO "state" VALUES(4,4,'frog',0.56,'6.png','dinghy',0,1,0,'2026-12-01T10:00:25.000+00:00','6.png

frog
dinghy',1,0);
INSERT INTO "state" VALUES(5,10,'frog',5.70000000000000062172e-01,'7.png','frog',1,0,0,'2026-12-01T10:00:19.000+00:00','7.png

frog
frog',1,1);
INSERT INTO "state" VALUES(6,6,'ship',0.58,'8.png','truck',0,0,0,'2026-12-01T10:00:24.000+00:00','8.png

ship
truck',NULL,0);
INSERT INTO "state" VALUES(7,7,'truck',0.59,'9.png','truck',1,0,0,'2026-12-01T10:00:00.000+00:00','9.png

truck
truck',0,0);
INSERT INTO "state" VALUES(8,8,'airplane',0.6,'10.png',NULL,NULL,0,0,NULL,'10.png

airplane
',NULL,0);
INSERT INTO "state" VALUES(9,9,'automobile',0.61,'11.png','automobile',1,0,1,'2026-12-01T10:00:00.000+00:00','11.png

automobile
automobile',NULL,0);
CREATE TABLE tally (
	deleted BOOLEAN NOT NULL, 
	predicted VARCHAR(64) NOT NULL, 
	label VARCHAR(64) NOT NULL, 
	pictures INTEGER NOT NULL, 
	PRIMARY KEY (deleted, predicted, label)
);
INSERT INTO "tally" VALUES(0,'cat','cat',1);
INSERT INTO "tally" VALUES(0,'truck','truck',1);
INSERT INTO "tally" VALUES(0,'frog','frog',1);
INSERT INTO "tally" VALUES(0,'deer','dog',1);
INSERT INTO "tally" VALUES(0,'ship','truck',1);
INSERT INTO "tally" VALUES(0,'frog','dinghy',1);
INSERT INTO "tally" VALUES(1,'automobile','automobile',1);
INSERT INTO "tally" VALUES(0,'airplane','',1);
CREATE INDEX ix_predictions_image_id ON predictions (image_id);
CREATE INDEX ix_reviews_prediction_id ON reviews (prediction_id);
CREATE INDEX ix_state_correct ON state (deleted, correct, label);
CREATE INDEX ix_state_image ON state (deleted, image_id);
CREATE INDEX ix_state_confidence ON state (deleted, confidence);
CREATE INDEX ix_state_name ON state (deleted, name);
CREATE INDEX ix_state_predicted ON state (deleted, predicted);
CREATE INDEX ix_state_custom ON state (deleted, custom, label);
CREATE INDEX ix_state_scope ON state (deleted, in_scope);
CREATE INDEX ix_reviews_operation ON reviews (operation);
CREATE INDEX ix_state_label ON state (deleted, label);
CREATE INDEX ix_state_correct_image_id ON state (deleted, correct, image_id);
CREATE INDEX ix_state_correct_confidence ON state (deleted, correct, confidence);
CREATE INDEX ix_state_correct_name ON state (deleted, correct, name);
CREATE INDEX ix_state_correct_predicted ON state (deleted, correct, predicted);
CREATE INDEX ix_state_custom_image_id ON state (deleted, custom, image_id);
CREATE INDEX ix_state_custom_confidence ON state (deleted, custom, confidence);
CREATE INDEX ix_state_custom_name ON state (deleted, custom, name);
CREATE INDEX ix_state_custom_predicted ON state (deleted, custom, predicted);
CREATE INDEX ix_state_label_image_id ON state (deleted, label, image_id);
CREATE INDEX ix_state_label_confidence ON state (deleted, label, confidence);
CREATE INDEX ix_state_label_name ON state (deleted, label, name);
CREATE INDEX ix_state_label_predicted ON state (deleted, label, predicted);
CREATE INDEX ix_state_in_scope_image_id ON state (deleted, in_scope, image_id);
CREATE INDEX ix_state_in_scope_confidence ON state (deleted, in_scope, confidence);
CREATE INDEX ix_state_in_scope_name ON state (deleted, in_scope, name);
CREATE INDEX ix_state_in_scope_predicted ON state (deleted, in_scope, predicted);
CREATE INDEX ix_images_near_key ON images (near_key);
CREATE INDEX ix_state_near_copy_image_id ON state (deleted, near_copy, image_id);
CREATE INDEX ix_state_near_copy_confidence ON state (deleted, near_copy, confidence);
CREATE INDEX ix_state_near_copy_name ON state (deleted, near_copy, name);
CREATE INDEX ix_state_near_copy_predicted ON state (deleted, near_copy, predicted);
CREATE INDEX ix_near_bands_image_id ON near_bands (image_id);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('images',9);
INSERT INTO "sqlite_sequence" VALUES('predictions',10);
INSERT INTO "sqlite_sequence" VALUES('reviews',18);
INSERT INTO "sqlite_sequence" VALUES('purges',1);
INSERT INTO "sqlite_sequence" VALUES('exports',1);
CREATE VIRTUAL TABLE state_search USING fts5(search, content='state', content_rowid='image_id', tokenize='trigram case_sensitive 1');
INSERT INTO state_search (state_search) VALUES ('rebuild');
COMMIT;

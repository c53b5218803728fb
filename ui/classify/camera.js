// A photo without a file: a phone has a program for it, a laptop shows its camera here.

const BY_FINGER = matchMedia("(pointer: coarse)").matches;
const NO_CAMERA =
  "The camera cannot be used: allow it for this page, or close what else uses it.";

const hasCamera = async () => {
  const devices = await navigator.mediaDevices?.enumerateDevices?.().catch(() => []);
  return (devices ?? []).some(({ kind }) => kind === "videoinput");
};

const photoOf = (video) => {
  const canvas = Object.assign(document.createElement("canvas"), {
    width: video.videoWidth,
    height: video.videoHeight,
  });
  canvas.getContext("2d").drawImage(video, 0, 0);
  return new Promise((go) => canvas.toBlob(go, "image/jpeg", 0.92));
};

// Returns what ends it.
const connectCamera = (find, take) => {
  const [button, lens, video] = [find("button.camera"), find(".lens"), find("video")];
  let stream = null;
  const shut = () => {
    stream?.getTracks().forEach((track) => track.stop());
    stream = video.srcObject = null;
    lens.hidden = true;
  };
  const open = async () => {
    lens.hidden = false;
    find(".lens .note").textContent = "";
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { width: 1280 } });
      video.srcObject = stream;
      await video.play();
      find(".shoot").focus();
    } catch {
      find(".lens .note").textContent = NO_CAMERA;
    }
  };
  find(".shut").onclick = () => {
    shut();
    button.focus();
  };
  find(".shoot").onclick = async () => {
    if (!video.videoWidth) return;
    const stamp = new Date().toLocaleTimeString("en-GB").replaceAll(":", "-");
    const file = new File([await photoOf(video)], `photo ${stamp}.jpg`);
    take([{ file, name: file.name }]);
  };
  if (BY_FINGER) {
    button.textContent = "Take a photo";
    button.hidden = false;
    find(".buttons").prepend(button);
    find("button.folder").hidden = true; // phones hand over files only
  } else {
    button.onclick = () => (stream ? shut() : open());
    hasCamera().then((found) => (button.hidden = !found));
  }
  return shut;
};

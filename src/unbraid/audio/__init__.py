"""PCM in and out of files: any format in, stereo float32 at the model's rate; stems out."""

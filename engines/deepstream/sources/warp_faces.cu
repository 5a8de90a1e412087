// Faces out of a frame in device memory, aligned as the embedder takes them.
//
// Compiled by nvcc beside align_faces.cu, and by g++ in the tests, which run this very arithmetic on
// a CPU against OpenCV (they define TVRADAR_HOST and provide KERNEL and the thread's indices). Compile
// without fused multiply-add (--fmad=false), so that both round alike.

#ifndef TVRADAR_HOST
#define KERNEL extern "C" __global__ void
#define DEVICE static __device__ __forceinline__
#define THREAD_X ((int)(blockIdx.x * blockDim.x + threadIdx.x))
#define THREAD_Y ((int)(blockIdx.y * blockDim.y + threadIdx.y))
#define THREAD_Z ((int)(blockIdx.z))
#endif

#define MOST_POINTS 32  // a side of a pixel; larger faces do not fit on a screen

typedef unsigned char byte;
typedef unsigned long long word;  // a pointer in a struct that numpy can describe

// A packed picture in device memory; blue_at is the offset of blue in a pixel (0 in BGR, 2 in RGB).
struct Image {
    word pixels;
    int width, height, row_bytes, pixel_bytes, blue_at, unused;
};

DEVICE int sample(const Image& image, int x, int y, int bgr) {
    int offset = bgr == 1 ? 1 : (bgr == 0 ? image.blue_at : 2 - image.blue_at);
    const byte* row = (const byte*)image.pixels + (word)y * (word)image.row_bytes;
    return row[x * image.pixel_bytes + offset];
}

// The embedder's input: each face through its own similarity, outside is black, rounded to whole
// levels as the CPU path's uint8 chips are.
// Target: float32 (faces, 3, side, side), planes in the order RGB, or BGR when blue_first is set.
// inverses: float32 (faces, 6), row-major 2x3, each maps chip pixels to picture pixels.
struct WarpFaces {
    Image source;
    word target, inverses;
    int faces, side, blue_first, unused;
};

// A point of the picture, bilinear, one value for each plane of the target, added to `sum`.
DEVICE void add_point(const WarpFaces& p, float sx, float sy, float sum[3]) {
    // Written so that NaN and values past int's range count as outside, too.
    bool inside = sx > -1.0f && sy > -1.0f && sx < (float)p.source.width && sy < (float)p.source.height;
    if (!inside) return;
    int x0 = (int)floorf(sx), y0 = (int)floorf(sy);
    float u = sx - x0, v = sy - y0;
    bool left = x0 >= 0, right = x0 + 1 < p.source.width;
    bool top = y0 >= 0, bottom = y0 + 1 < p.source.height;
    for (int c = 0; c < 3; ++c) {
        int bgr = p.blue_first ? c : 2 - c;
        float a = left && top ? sample(p.source, x0, y0, bgr) : 0;
        float b = right && top ? sample(p.source, x0 + 1, y0, bgr) : 0;
        float d = left && bottom ? sample(p.source, x0, y0 + 1, bgr) : 0;
        float e = right && bottom ? sample(p.source, x0 + 1, y0 + 1, bgr) : 0;
        float upper = a + u * (b - a), lower = d + u * (e - d);
        sum[c] += upper + v * (lower - upper);
    }
}

// Of a large face each pixel is the mean of so many points a side as it has whole pixels of the
// picture, as the CPU path shrinks such a face first.
KERNEL warp_faces(WarpFaces p) {
    int x = THREAD_X, y = THREAD_Y, face = THREAD_Z;
    if (x >= p.side || y >= p.side || face >= p.faces) return;
    const float* m = (const float*)p.inverses + 6 * face;
    float* out = (float*)p.target + (((word)face * 3) * p.side + y) * p.side + x;
    word plane = (word)p.side * p.side;
    float across = sqrtf(m[0] * m[0] + m[3] * m[3]);
    int points = across < 2.0f ? 1 : across < (float)MOST_POINTS ? (int)across : MOST_POINTS;
    float sum[3] = {0.0f, 0.0f, 0.0f};
    for (int j = 0; j < points; ++j) {
        float cy = y + (j + 0.5f) / points - 0.5f;
        for (int i = 0; i < points; ++i) {
            float cx = x + (i + 0.5f) / points - 0.5f;
            add_point(p, m[0] * cx + m[1] * cy + m[2], m[3] * cx + m[4] * cy + m[5], sum);
        }
    }
    for (int c = 0; c < 3; ++c) out[c * plane] = rintf(sum[c] / (points * points));
}
